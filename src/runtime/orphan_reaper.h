#pragma once

#include <chrono>
#include <map>
#include <optional>

#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <sys/types.h>

#include "runtime/task.h"

namespace nextgen_kernels {

/// Whether this process becomes the parent of descendants whose parent ends.
bool inherits_orphans();

/// Children that somebody here waits for. For every thread.
void note_child(pid_t pid);
void forget_child(pid_t pid);
bool is_noted_child(pid_t pid);

/// Makes this process the parent of descendants whose parent ends (PR_SET_CHILD_SUBREAPER), so that programs
/// which leave their process tree can be found, and collects those that have ended. Owned by the application,
/// one per process, on its executor.
///
/// Never takes the exit status of a child that a plugin started: one that cannot be told from an inherited
/// one is collected only when nobody else has for `patience`.
class OrphanReaper {
 public:
  static constexpr std::chrono::seconds default_patience{30};

  explicit OrphanReaper(const Executor& executor,
                        std::chrono::steady_clock::duration patience = default_patience);
  OrphanReaper(const OrphanReaper&) = delete;
  OrphanReaper& operator=(const OrphanReaper&) = delete;
  ~OrphanReaper();

  /// Ends waiting, so that an event loop that has nothing else to do ends too.
  void stop();

 private:
  void wait_for_signal();
  void collect_after(std::chrono::steady_clock::duration delay);
  void collect();

  std::chrono::steady_clock::duration patience_;
  asio::signal_set signals_;
  asio::steady_timer timer_;
  std::optional<std::chrono::steady_clock::time_point> due_;
  bool stopped_ = false;
  /// Since when those are known to have ended that may be somebody's.
  std::map<pid_t, std::chrono::steady_clock::time_point> doubtful_;
};

}  // namespace nextgen_kernels
