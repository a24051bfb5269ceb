#pragma once

#include <memory>
#include <string>

#include "runtime/task.h"

namespace nextgen_kernels {

/// The background coroutines of one owner. The owner cancels and joins the group before it dies; a group that
/// is destroyed with running tasks cancels them, and they must then not touch the owner any more, so owners
/// join. Belongs to one executor. A task that throws is logged with its name and ends; cancellation is not an
/// error.
class TaskGroup {
 public:
  explicit TaskGroup(Executor executor);
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;
  ~TaskGroup();

  /// Starts `task`. It runs until its first suspension when the executor gets to it, not inside this call.
  void spawn(std::string name, Task<void> task);

  /// Asks every task to end at its current or next suspension.
  void cancel();

  /// Ends when no task runs any more.
  Task<void> join();

  bool empty() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace nextgen_kernels
