#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "runtime/task.h"

namespace nextgen_kernels {

/// How often an event loop was held, and for how long.
struct LoopStalls {
  std::uint64_t count = 0;
  std::chrono::steady_clock::duration longest = {};
};

/// Names what the current thread's event loop works on, from construction to destruction. Scopes nest: the
/// innermost one is named. Does nothing on a thread whose loop nobody watches. Not for scopes that a
/// coroutine suspends in.
class LoopScope {
 public:
  /// "`activity` `subject`" completes "The event loop was held by …". Neither text is copied: both outlive
  /// the scope.
  explicit LoopScope(std::string_view activity, std::string_view subject = {});
  LoopScope(const LoopScope&) = delete;
  LoopScope& operator=(const LoopScope&) = delete;
  ~LoopScope();

 private:
  friend class LoopWatchdog;

  std::string_view activity_;
  std::string_view subject_;
  const LoopScope* outer_ = nullptr;
};

/// Names what has just begun on the current thread's event loop, for work that is not inside a `LoopScope`.
void note_loop_activity(std::string_view activity, std::string_view subject = {});

/// Watches an event loop from a thread of its own: every other task of a loop waits for the one that runs, so
/// one that runs for long is a fault, and this says whose. A loop that was held for more than
/// `Settings::limit` is counted and named in the log, once when it is free again, or after
/// `Settings::report_after` when it is not. Time in which the whole process was stopped does not count.
class LoopWatchdog {
 public:
  struct Settings {
    std::chrono::steady_clock::duration limit = std::chrono::seconds(1);
    std::chrono::steady_clock::duration report_after = std::chrono::seconds(10);
    std::chrono::steady_clock::duration interval = std::chrono::milliseconds(500);  ///< Between two looks.
  };

  /// Starts the thread. `executor` is that of a loop with one thread.
  explicit LoopWatchdog(const Executor& executor) : LoopWatchdog(executor, Settings{}) {}
  LoopWatchdog(const Executor& executor, Settings settings);
  LoopWatchdog(const LoopWatchdog&) = delete;
  LoopWatchdog& operator=(const LoopWatchdog&) = delete;
  /// Ends the thread. The loop still exists.
  ~LoopWatchdog();

  /// Safe on every thread.
  LoopStalls stalls() const;

  /// True once the loop has answered: from then on those who hold it are known by name. Safe on every thread.
  bool knows_loop() const;

 private:
  friend class LoopScope;
  friend void note_loop_activity(std::string_view activity, std::string_view subject);
  struct State;

  std::shared_ptr<State> state_;
  std::thread thread_;
};

}  // namespace nextgen_kernels
