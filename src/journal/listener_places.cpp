#include "journal/listener_places.h"

#include <algorithm>
#include <ranges>
#include <utility>

namespace nextgen_kernels {
namespace {

constexpr std::size_t most_absent = 100;

}  // namespace

std::shared_ptr<ListenerPlace> ListenerPlaces::open(std::uint64_t stream, std::string session_id,
                                                    FrameAccount frames) {
  ++connected_;
  places_.push_back(std::make_shared<ListenerPlace>(ListenerPlace{.stream = stream,
                                                                  .session_id = std::move(session_id),
                                                                  .frames = std::move(frames),
                                                                  .connected = true}));
  return places_.back();
}

void ListenerPlaces::close(ListenerPlace& place) {
  if (!std::exchange(place.connected, false)) return;
  --connected_;
  if (places_.size() - connected_ > most_absent)
    places_.erase(std::ranges::find_if(places_, [](const auto& other) { return !other->connected; }));
}

std::shared_ptr<ListenerPlace> ListenerPlaces::find(std::uint64_t stream) const {
  const auto found = std::ranges::find(places_, stream, &ListenerPlace::stream);
  return found == places_.end() ? nullptr : *found;
}

std::shared_ptr<ListenerPlace> ListenerPlaces::find_session(std::string_view session_id) const {
  auto newest_first = std::views::reverse(places_);
  const auto found = std::ranges::find(newest_first, session_id, &ListenerPlace::session_id);
  return found == newest_first.end() ? nullptr : *found;
}

}  // namespace nextgen_kernels
