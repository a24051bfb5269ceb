#pragma once

#include <chrono>
#include <cstddef>

namespace nextgen_kernels {

/// How fast one client is sent a kernel's messages, on average over the window; 0: as fast as it takes them.
struct PaceSettings {
  double messages_per_second = 0;
  double bytes_per_second = 0;
  std::chrono::steady_clock::duration window = std::chrono::seconds(3);
};

/// Decides when a client may be sent more: what it is not sent yet waits in the journal, nothing is dropped.
/// Two token buckets that hold what the window allows. A value.
class Pacer {
 public:
  using Clock = std::chrono::steady_clock;

  Pacer(PaceSettings settings, Clock::time_point now);

  bool enabled() const { return settings_.messages_per_second > 0 || settings_.bytes_per_second > 0; }

  /// How many messages may be sent now, at most `wanted`.
  std::size_t allowed(std::size_t wanted, Clock::time_point now);

  void spend(std::size_t messages, std::size_t bytes);

  /// After which time one more may be sent.
  Clock::duration delay() const;

 private:
  PaceSettings settings_;
  double messages_;
  double bytes_;  // Negative after a message that was larger than what was left.
  Clock::time_point filled_at_;
};

}  // namespace nextgen_kernels
