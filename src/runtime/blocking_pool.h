#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include "runtime/task.h"

namespace nextgen_kernels {

/// A few threads for work that blocks (files, name resolution), so that event loops need not wait for it.
/// Its destructor waits for the work that has begun.
class BlockingPool {
 public:
  explicit BlockingPool(std::size_t threads) : pool_(threads) {}
  BlockingPool(const BlockingPool&) = delete;
  BlockingPool& operator=(const BlockingPool&) = delete;
  ~BlockingPool() { pool_.join(); }

  /// Calls `work` on a thread of the pool and ends, on the caller's executor, with what it returned or threw.
  /// Work is not cancelled: a caller that is waits for its end.
  template <typename Work>
  Task<std::invoke_result_t<Work>> run(Work work) {
    // Not by asio::co_spawn: that hands a cancellation to the pool's threads, where it meets the end of the
    // work.
    std::optional<std::invoke_result_t<Work>> result;
    std::exception_ptr failure;
    co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(
        [&](auto resume) {
          auto guard = asio::make_work_guard(asio::get_associated_executor(resume));
          asio::post(pool_, [&, guard = std::move(guard), resume = std::move(resume)]() mutable {
            try {
              result.emplace(work());
            } catch (...) {
              failure = std::current_exception();
            }
            asio::post(guard.get_executor(), std::move(resume));
          });
        },
        asio::use_awaitable);
    if (failure) std::rethrow_exception(failure);
    co_return *std::move(result);
  }

  /// Calls `work` on a thread of the pool, then `done` on `executor`: for callers without a coroutine.
  void run_then(const Executor& executor, std::move_only_function<void()> work,
                std::move_only_function<void()> done) {
    asio::post(pool_, [executor, work = std::move(work), done = std::move(done)]() mutable {
      work();
      asio::post(executor, std::move(done));
    });
  }

  /// `run_then` for those who know neither pool nor executor. Not to be called once the pool is gone.
  auto runner(const Executor& executor) {
    return [this, executor](std::move_only_function<void()> work, std::move_only_function<void()> done) {
      run_then(executor, std::move(work), std::move(done));
    };
  }

 private:
  asio::thread_pool pool_;
};

}  // namespace nextgen_kernels
