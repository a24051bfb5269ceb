#pragma once

#include <chrono>
#include <optional>

namespace nextgen_kernels {

/// Whether a kernel that ended by itself is started again, and after which wait: upstream's
/// `KernelRestarter`, told of deaths instead of looking for them. A value of one kernel's manager.
class RestartPolicy {
 public:
  using Duration = std::chrono::steady_clock::duration;

  struct Options {
    bool autorestart = true;
    int restart_limit = 5;  ///< Restarts in a row, each after a life shorter than `stable_start_time`.
    Duration stable_start_time = std::chrono::seconds(10);
  };

  explicit RestartPolicy(Options options) : options_(options) {}

  /// The kernel died `lived` after its start: how long to wait before the next start, or nothing when there
  /// is to be none.
  std::optional<Duration> on_death(Duration lived);

  /// Somebody started the kernel: what was before does not count.
  void reset() { deaths_ = 0; }

  /// Whether the last answer of `on_death` was the limit's.
  bool limit_reached() const { return options_.autorestart && deaths_ > options_.restart_limit; }
  int deaths_in_a_row() const { return deaths_; }

 private:
  Options options_;
  int deaths_ = 0;
};

}  // namespace nextgen_kernels
