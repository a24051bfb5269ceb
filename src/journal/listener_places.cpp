#include "journal/listener_places.h"

#include <algorithm>
#include <ranges>
#include <utility>

namespace nextgen_kernels {
namespace {

constexpr std::size_t most_absent_bytes = std::size_t{16} * 1024 * 1024;

}  // namespace

std::shared_ptr<ListenerPlace> ListenerPlaces::open(std::uint64_t stream, std::string listener,
                                                    FrameAccount frames) {
  sessions_.connect(listener);
  auto place = std::make_shared<ListenerPlace>(ListenerPlace{
      .stream = stream, .listener = std::move(listener), .frames = std::move(frames), .connected = true});
  places_.emplace(stream, place);
  return place;
}

void ListenerPlaces::close(ListenerPlace& place) {
  if (!std::exchange(place.connected, false)) return;
  place.frames.finish();
  absent_bytes_ += place.frames.memory_size();
  absent_.push_back(places_.at(place.stream));
  sessions_.disconnect(place.listener);
  const auto is_of_listener = [&](const auto& other) { return other->listener == place.listener; };
  if (std::ranges::count_if(absent_, is_of_listener) > most_of_session)
    forget(std::ranges::find_if(absent_, is_of_listener));
  while (absent_.size() > most_absent || absent_bytes_ > most_absent_bytes) forget(absent_.begin());
}

void ListenerPlaces::forget(Absent::iterator place) {
  const auto forgotten = *place;
  absent_.erase(place);
  absent_bytes_ -= forgotten->frames.memory_size();
  places_.erase(forgotten->stream);
  if (find_newest(forgotten->listener) == nullptr)
    sessions_.note_position(forgotten->listener, forgotten->position());
}

std::shared_ptr<ListenerPlace> ListenerPlaces::find(std::uint64_t stream) const {
  const auto found = places_.find(stream);
  return found == places_.end() ? nullptr : found->second;
}

std::shared_ptr<ListenerPlace> ListenerPlaces::find_newest(std::string_view listener) const {
  auto newest_first = std::views::reverse(places_);
  const auto found = std::ranges::find_if(
      newest_first, [listener](const auto& place) { return place.second->listener == listener; });
  return found == newest_first.end() ? nullptr : found->second;
}

std::optional<SessionPosition> ListenerPlaces::position_of(std::string_view listener) const {
  const auto* session = sessions_.find(listener);
  if (session == nullptr) return std::nullopt;
  const auto place = find_newest(listener);
  return place == nullptr ? session->left_at : place->position();
}

}  // namespace nextgen_kernels
