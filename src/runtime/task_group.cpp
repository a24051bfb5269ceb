#include "runtime/task_group.h"

#include <list>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/multiple_exceptions.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/system_error.hpp>

#include "base/log.h"
#include "runtime/event.h"
#include "runtime/loop_watchdog.h"

namespace nextgen_kernels {

/// A running task: what cancels it, and whether that has happened.
struct RunningTask {
  explicit RunningTask(std::string task_name) : name(std::move(task_name)) {}

  std::string name;
  asio::cancellation_signal signal;
  bool cancelled = false;
};

struct TaskGroup::State {
  explicit State(Executor e) : executor(e), changed(std::move(e)) {}

  Executor executor;
  Event changed;
  std::list<RunningTask> running;
};

namespace {

void log_failure(const std::string& name, const std::exception_ptr& failure) {
  if (!failure) return;
  try {
    std::rethrow_exception(failure);
  } catch (const asio::multiple_exceptions& several) {
    log_failure(name, several.first_exception());  // Of awaitables joined by || or &&.
  } catch (const boost::system::system_error& error) {
    if (error.code() != asio::error::operation_aborted) log_error("Task {} failed: {}", name, error.what());
  } catch (const std::exception& error) {
    log_error("Task {} failed: {}", name, error.what());
  }
}

/// Keeps the promise of `spawn`: Asio would run a coroutine inside the call that spawns it. It would also
/// start one that was cancelled before, whose owner may be gone by then.
Task<void> run_unless_cancelled(const RunningTask* running, Task<void> task) {
  co_await asio::post(asio::use_awaitable);
  if (running->cancelled) co_return;
  note_loop_activity("the task", running->name);
  co_await std::move(task);
}

}  // namespace

TaskGroup::TaskGroup(Executor executor) : state_(std::make_shared<State>(std::move(executor))) {}

TaskGroup::~TaskGroup() {
  cancel();
}

void TaskGroup::spawn(std::string name, Task<void> task) {
  state_->running.emplace_back(std::move(name));
  const auto position = std::prev(state_->running.end());
  auto on_end = [state = state_, position](const std::exception_ptr& failure) {
    log_failure(position->name, failure);
    // A cancellation that was emitted from outside the event loop may be on its way still, and Asio's handler
    // for it points into the signal: that goes only after what was posted before.
    std::list<RunningTask> ended;
    ended.splice(ended.end(), state->running, position);
    asio::post(state->executor, [keep = std::move(ended)] {});
    state->changed.notify_all();
  };
  asio::co_spawn(state_->executor, run_unless_cancelled(&*position, std::move(task)),
                 asio::bind_cancellation_slot(position->signal.slot(), std::move(on_end)));
}

void TaskGroup::cancel() {
  // A cancelled task may end inside emit() and so erase its own signal: step first.
  for (auto next = state_->running.begin(); next != state_->running.end();) {
    auto& task = *next++;
    task.cancelled = true;
    task.signal.emit(asio::cancellation_type::terminal);
  }
}

Task<void> TaskGroup::join() {
  const auto state = state_;
  while (!state->running.empty()) co_await state->changed.wait();
}

bool TaskGroup::empty() const {
  return state_->running.empty();
}

}  // namespace nextgen_kernels
