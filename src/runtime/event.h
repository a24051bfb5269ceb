#pragma once

#include <chrono>
#include <list>
#include <memory>
#include <utility>

#include <boost/asio/steady_timer.hpp>

#include "runtime/task.h"

namespace nextgen_kernels {

/// Lets coroutines wait until something of their owner changes. Belongs to one executor. A waiter looks at
/// the owner's state itself, before and after: `while (!done_) co_await changed_.wait();`
class Event {
 public:
  explicit Event(Executor executor) : executor_(std::move(executor)) {}
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() { notify_all(); }

  /// Wakes everyone who waits now.
  void notify_all() {
    for (auto* timer : *waiting_) timer->cancel();
  }

  /// Ends at the next `notify_all`.
  Task<void> wait() { return wait_until(std::chrono::steady_clock::time_point::max()); }

  /// Ends at the next `notify_all`, or at `limit`.
  Task<void> wait_until(std::chrono::steady_clock::time_point limit);

 private:
  using Waiting = std::list<asio::steady_timer*>;

  Executor executor_;
  std::shared_ptr<Waiting> waiting_ = std::make_shared<Waiting>();  // Those who wait may outlive the event.
};

/// Ends after `duration`.
Task<void> sleep_for(std::chrono::steady_clock::duration duration);

}  // namespace nextgen_kernels
