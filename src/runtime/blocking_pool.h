#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include "base/error.h"
#include "runtime/event.h"
#include "runtime/task.h"

namespace nextgen_kernels {

/// A few threads for work that blocks (files, name resolution), so that event loops need not wait for it.
/// They are started when there is work for them. The destructor waits for the end of all work.
///
/// What a user asks for is done by `run_for`: each user has a queue, the queues are served in turn, and each
/// user's work occupies a part of the threads only. So a network file system that does not answer one user
/// keeps nobody else waiting.
class BlockingPool {
 public:
  struct Limits {
    std::size_t threads = 1;
    std::size_t running_of_user = 1;
    std::size_t waiting_of_user = 1000;
    std::chrono::steady_clock::duration patience = std::chrono::seconds(30);  ///< Of callers of `run_for`.
  };

  explicit BlockingPool(Limits limits) : limits_(limits) {}
  explicit BlockingPool(std::size_t threads)
      : BlockingPool(Limits{.threads = threads, .running_of_user = (threads + 1) / 2}) {}
  BlockingPool(const BlockingPool&) = delete;
  BlockingPool& operator=(const BlockingPool&) = delete;
  ~BlockingPool();

  /// Calls `work`, which is the program's own, on a thread of the pool and ends, on the caller's executor,
  /// with what it returned or threw. Work is not cancelled: a caller that is waits for its end.
  template <typename Work>
  Task<std::invoke_result_t<Work>> run(Work work) {
    // Not by asio::co_spawn: that hands a cancellation to the pool's threads, where it meets the end of the
    // work.
    std::optional<std::invoke_result_t<Work>> result;
    std::exception_ptr failure;
    co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(
        [&](auto resume) {
          auto guard = asio::make_work_guard(asio::get_associated_executor(resume));
          post([&, guard = std::move(guard), resume = std::move(resume)]() mutable {
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

  /// The same for work on behalf of a user, which returns a `Result`. `unavailable` at once when too much of
  /// the user's work waits already, `timeout` when the end of the work was waited for too long. The work must
  /// own what it uses: it may go on when its caller does not wait any more.
  template <typename Work>
  Task<std::invoke_result_t<Work>> run_for(std::string user, Work work) {
    const auto executor = co_await asio::this_coro::executor;
    const auto job = std::make_shared<UserJob<Work>>(executor, std::move(work));
    const GivenUp given_up(job->given_up);
    const bool is_taken = post_for(user, [job, executor, guard = asio::make_work_guard(executor)]() mutable {
      job->do_work();
      asio::post(executor, [job = std::move(job)] {
        job->has_ended = true;
        job->ended.notify_all();
      });
    });
    if (!is_taken) co_return std::unexpected(too_much_waits());
    const auto limit = std::chrono::steady_clock::now() + limits_.patience;
    while (!job->has_ended && std::chrono::steady_clock::now() < limit) co_await job->ended.wait_until(limit);
    if (!job->has_ended) co_return std::unexpected(took_too_long());
    if (job->failure) std::rethrow_exception(job->failure);
    co_return *std::move(job->result);
  }

  /// Calls `work` on a thread of the pool, then `done` on `executor`: for callers without a coroutine.
  void run_then(const Executor& executor, std::move_only_function<void()> work,
                std::move_only_function<void()> done) {
    post([executor, work = std::move(work), done = std::move(done)]() mutable {
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
  using Job = std::move_only_function<void()>;

  /// What waits for a thread on behalf of one user, or of the program.
  struct Queue {
    std::string user;
    std::deque<Job> waiting;
    std::size_t running = 0;
    std::size_t most_running = 0;
    bool has_turn = false;
  };

  template <typename Work>
  struct UserJob {
    UserJob(Executor executor, Work its_work) : ended(std::move(executor)), work(std::move(its_work)) {}

    void do_work() {
      if (given_up) return;
      try {
        result.emplace(work());
      } catch (...) {
        failure = std::current_exception();
      }
    }

    Event ended;  // As `has_ended`, of the caller's executor.
    bool has_ended = false;
    Work work;
    std::optional<std::invoke_result_t<Work>> result;
    std::exception_ptr failure;
    std::atomic<bool> given_up = false;
  };

  /// Says so when the caller goes, also when it is cancelled: work that has not begun is then left out.
  class GivenUp {
   public:
    explicit GivenUp(std::atomic<bool>& flag) : flag_(flag) {}
    GivenUp(const GivenUp&) = delete;
    GivenUp& operator=(const GivenUp&) = delete;
    ~GivenUp() { flag_ = true; }

   private:
    std::atomic<bool>& flag_;
  };

  void post(Job job);
  /// False when the user has too much that waits.
  bool post_for(const std::string& user, Job job);
  void add(Queue& queue, Job job);
  void give_turn(Queue& queue);
  void start_thread();
  void work();
  Error too_much_waits() const;
  Error took_too_long() const;

  const Limits limits_;
  std::mutex mutex_;  // For all that follows.
  std::condition_variable has_work_;
  Queue own_;
  std::map<std::string, Queue> of_users_;  // Those that wait or run.
  std::deque<Queue*> turns_;               // The queues that may begin something, next one first.
  std::size_t idle_threads_ = 0;
  bool is_ending_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace nextgen_kernels
