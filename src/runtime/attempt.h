#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "runtime/event.h"
#include "runtime/task_group.h"

namespace nextgen_kernels {

/// A task that runs by itself, so that whoever waits for it can stop waiting, whether or not the task can be
/// cancelled. The task keeps alive what it uses. When the attempt goes, the task is asked to end, and its
/// result is dropped. Belongs to one executor.
template <typename T>
class Attempt {
 public:
  Attempt(const Executor& executor, std::string name, Task<T> task)
      : state_(std::make_shared<State>(executor)), tasks_(executor) {
    tasks_.spawn(std::move(name), run(state_, std::move(task)));
  }
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;

  /// Ends with the result; without one at `limit`, or when somebody has given up. Called once.
  Task<std::optional<T>> wait_until(std::chrono::steady_clock::time_point limit) {
    const auto state = state_;
    while (!state->result && !state->given_up && std::chrono::steady_clock::now() < limit)
      co_await state->changed.wait_until(limit);
    co_return std::move(state->result);
  }

  /// Ends `wait_until` at once.
  void give_up() {
    state_->given_up = true;
    state_->changed.notify_all();
  }
  bool given_up() const { return state_->given_up; }

 private:
  struct State {
    explicit State(const Executor& executor) : changed(executor) {}

    std::optional<T> result;
    bool given_up = false;
    Event changed;
  };

  static Task<void> run(std::shared_ptr<State> state, Task<T> task) {
    state->result.emplace(co_await std::move(task));
    state->changed.notify_all();
  }

  std::shared_ptr<State> state_;
  TaskGroup tasks_;
};

}  // namespace nextgen_kernels
