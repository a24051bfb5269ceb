#pragma once

#include <chrono>
#include <optional>

namespace nextgen_kernels {

/// Judges whether a kernel answers, by its heartbeat and by everything else it says. A kernel counts as
/// silent when nothing came from it for several whole rounds in a row, during which this program ran: neither
/// one missed beat nor a machine of ours that was suspended, stopped or overloaded makes it so. No I/O, no
/// clock.
class HeartbeatWatch {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using Duration = std::chrono::steady_clock::duration;

  struct Options {
    Duration interval = std::chrono::seconds(15);  ///< Between two pings.
    int patience = 3;                              ///< So many rounds without an answer are silence.
  };

  explicit HeartbeatWatch(Options options) : options_(options) {}

  /// A ping was sent; an interval from now the round is over.
  void begin_round(TimePoint now) {
    round_began_ = now;
    heard_in_round_ = false;
  }

  /// Something came from the kernel. True when it had been silent.
  bool heard(TimePoint now);

  /// True when the kernel has become silent.
  bool end_round(TimePoint now);

  /// Since when nothing came, while the kernel is silent.
  std::optional<TimePoint> silent_since() const;

  Duration interval() const { return options_.interval; }

 private:
  Options options_;
  TimePoint round_began_;
  TimePoint last_heard_;
  bool heard_in_round_ = true;
  int missed_ = 0;
};

}  // namespace nextgen_kernels
