#pragma once

#include <cstddef>
#include <functional>
#include <type_traits>
#include <utility>

#include <boost/asio/co_spawn.hpp>
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

  /// Calls `work` on a thread of the pool and ends, on the caller's executor, with what it returned.
  template <typename Work>
  Task<std::invoke_result_t<Work>> run(Work work) {
    co_return co_await asio::co_spawn(pool_.get_executor(), call(std::move(work)), asio::use_awaitable);
  }

  /// Calls `work` on a thread of the pool, then `done` on `executor`: for callers without a coroutine.
  void run_then(const Executor& executor, std::move_only_function<void()> work,
                std::move_only_function<void()> done) {
    asio::post(pool_, [executor, work = std::move(work), done = std::move(done)]() mutable {
      work();
      asio::post(executor, std::move(done));
    });
  }

 private:
  template <typename Work>
  static Task<std::invoke_result_t<Work>> call(Work work) {
    co_return work();
  }

  asio::thread_pool pool_;
};

}  // namespace nextgen_kernels
