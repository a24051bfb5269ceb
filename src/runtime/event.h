#pragma once

#include <chrono>

#include <boost/asio/steady_timer.hpp>

#include "runtime/task.h"

namespace nextgen_kernels {

/// Lets coroutines wait until something of their owner changes. Belongs to one executor. A waiter looks at
/// the owner's state itself, before and after: `while (!done_) co_await changed_.wait();`
class Event {
 public:
  explicit Event(const Executor& executor) : timer_(executor, never()) {}

  /// Wakes everyone who waits now.
  void notify_all() { timer_.cancel(); }

  /// Ends at the next `notify_all`.
  Task<void> wait();

 private:
  static std::chrono::steady_clock::time_point never() {
    return std::chrono::steady_clock::time_point::max();
  }

  asio::steady_timer timer_;
};

/// Ends after `duration`.
Task<void> sleep_for(std::chrono::steady_clock::duration duration);

}  // namespace nextgen_kernels
