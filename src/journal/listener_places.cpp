#include "journal/listener_places.h"

#include <algorithm>
#include <ranges>
#include <utility>

namespace nextgen_kernels {
namespace {

constexpr std::size_t most_absent_bytes = std::size_t{16} * 1024 * 1024;

}  // namespace

std::shared_ptr<ListenerPlace> ListenerPlaces::open(std::uint64_t stream, std::string session_id,
                                                    FrameAccount frames) {
  sessions_.connect(session_id);
  auto place = std::make_shared<ListenerPlace>(ListenerPlace{
      .stream = stream, .session_id = std::move(session_id), .frames = std::move(frames), .connected = true});
  places_.emplace(stream, place);
  return place;
}

void ListenerPlaces::close(ListenerPlace& place) {
  if (!std::exchange(place.connected, false)) return;
  place.frames.finish();
  absent_bytes_ += place.frames.memory_size();
  absent_.push_back(places_.at(place.stream));
  sessions_.disconnect(place.session_id);
  const auto is_of_session = [&](const auto& other) { return other->session_id == place.session_id; };
  if (std::ranges::count_if(absent_, is_of_session) > most_of_session)
    forget(std::ranges::find_if(absent_, is_of_session));
  while (absent_.size() > most_absent || absent_bytes_ > most_absent_bytes) forget(absent_.begin());
}

void ListenerPlaces::forget(Absent::iterator place) {
  const auto forgotten = *place;
  absent_.erase(place);
  absent_bytes_ -= forgotten->frames.memory_size();
  places_.erase(forgotten->stream);
  if (find_session(forgotten->session_id) == nullptr)
    sessions_.note_position(forgotten->session_id, forgotten->position());
}

std::shared_ptr<ListenerPlace> ListenerPlaces::find(std::uint64_t stream) const {
  const auto found = places_.find(stream);
  return found == places_.end() ? nullptr : found->second;
}

std::shared_ptr<ListenerPlace> ListenerPlaces::find_session(std::string_view session_id) const {
  auto newest_first = std::views::reverse(places_);
  const auto found = std::ranges::find_if(
      newest_first, [session_id](const auto& place) { return place.second->session_id == session_id; });
  return found == newest_first.end() ? nullptr : found->second;
}

std::optional<SessionPosition> ListenerPlaces::position_of(std::string_view session_id) const {
  const auto* session = sessions_.find(session_id);
  if (session == nullptr) return std::nullopt;
  const auto place = find_session(session_id);
  return place == nullptr ? session->left_at : place->position();
}

}  // namespace nextgen_kernels
