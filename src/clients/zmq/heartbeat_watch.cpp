#include "clients/zmq/heartbeat_watch.h"

namespace nextgen_kernels {

bool HeartbeatWatch::heard(TimePoint now) {
  const bool was_silent = silent_since().has_value();
  last_heard_ = now;
  heard_in_round_ = true;
  missed_ = 0;
  return was_silent;
}

bool HeartbeatWatch::end_round(TimePoint now) {
  if (heard_in_round_ || silent_since()) return false;
  // This program did not run as it should have: what the kernel sent may lie unread.
  if (now - round_began_ > 2 * options_.interval) {
    missed_ = 0;
    return false;
  }
  ++missed_;
  return silent_since().has_value();
}

std::optional<HeartbeatWatch::TimePoint> HeartbeatWatch::silent_since() const {
  if (missed_ < options_.patience) return std::nullopt;
  return last_heard_;
}

}  // namespace nextgen_kernels
