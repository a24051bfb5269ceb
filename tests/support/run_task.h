#pragma once

#include <chrono>
#include <exception>
#include <optional>
#include <stdexcept>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "runtime/task.h"

namespace nextgen_kernels {

/// Runs the event loop until `task` has ended, and gives its value. A task that does not end within a minute
/// fails the test with an exception instead of hanging it.
template <typename T>
T run_task(asio::io_context& loop, Task<T> task) {
  std::optional<T> value;
  std::exception_ptr failure;
  bool ended = false;
  asio::co_spawn(loop, std::move(task), [&](std::exception_ptr error, T result) {
    failure = error;
    value.emplace(std::move(result));
    ended = true;
  });
  loop.restart();
  const auto limit = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!ended && std::chrono::steady_clock::now() < limit) {
    if (loop.run_one_until(limit) == 0) loop.restart();
  }
  if (!ended) throw std::runtime_error("the task did not end");
  if (failure) std::rethrow_exception(failure);
  return std::move(*value);
}

inline void run_task(asio::io_context& loop, Task<void> task) {
  run_task<bool>(loop, [](Task<void> inner) -> Task<bool> {
    co_await std::move(inner);
    co_return true;
  }(std::move(task)));
}

}  // namespace nextgen_kernels
