#include "runtime/task_group.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/system/system_error.hpp>

#include <list>

#include "base/log.h"
#include "runtime/event.h"

namespace nextgen_kernels {

struct TaskGroup::State {
  explicit State(Executor e) : executor(e), changed(std::move(e)) {}

  Executor executor;
  Event changed;
  std::list<asio::cancellation_signal> running;
};

namespace {

void log_failure(const std::string& name, const std::exception_ptr& failure) {
  if (!failure) return;
  try {
    std::rethrow_exception(failure);
  } catch (const boost::system::system_error& error) {
    if (error.code() != asio::error::operation_aborted) log_error("Task {} failed: {}", name, error.what());
  } catch (const std::exception& error) {
    log_error("Task {} failed: {}", name, error.what());
  }
}

}  // namespace

TaskGroup::TaskGroup(Executor executor) : state_(std::make_shared<State>(std::move(executor))) {}

TaskGroup::~TaskGroup() { cancel(); }

void TaskGroup::spawn(std::string name, Task<void> task) {
  state_->running.emplace_back();
  const auto position = std::prev(state_->running.end());
  auto on_end = [state = state_, position, name = std::move(name)](const std::exception_ptr& failure) {
    log_failure(name, failure);
    state->running.erase(position);
    state->changed.notify_all();
  };
  asio::co_spawn(state_->executor, std::move(task),
                 asio::bind_cancellation_slot(position->slot(), std::move(on_end)));
}

void TaskGroup::cancel() {
  // A cancelled task may end inside emit() and so erase its own signal: step first.
  for (auto next = state_->running.begin(); next != state_->running.end();)
    (next++)->emit(asio::cancellation_type::terminal);
}

Task<void> TaskGroup::join() {
  const auto state = state_;
  while (!state->running.empty()) co_await state->changed.wait();
}

bool TaskGroup::empty() const { return state_->running.empty(); }

}  // namespace nextgen_kernels
