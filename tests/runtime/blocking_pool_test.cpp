#include "runtime/blocking_pool.h"

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include "../support/run_task.h"
#include "runtime/task_group.h"

namespace nextgen_kernels {
namespace {

TEST(BlockingPool, run_then_works_elsewhere_and_ends_on_the_executor) {
  asio::io_context loop;
  BlockingPool pool(1);
  std::thread::id worked_on;
  std::thread::id ended_on;
  const auto guard = asio::make_work_guard(loop);
  pool.run_then(
      loop.get_executor(), [&worked_on] { worked_on = std::this_thread::get_id(); },
      [&] {
        ended_on = std::this_thread::get_id();
        loop.stop();
      });
  loop.run();
  EXPECT_EQ(ended_on, std::this_thread::get_id());
  EXPECT_NE(worked_on, std::thread::id());
  EXPECT_NE(worked_on, ended_on);
}

TEST(BlockingPool, run_ends_with_what_the_work_returned_or_threw) {
  asio::io_context loop;
  BlockingPool pool(1);
  const auto where = run_task(loop, pool.run([] { return std::this_thread::get_id(); }));
  EXPECT_NE(where, std::this_thread::get_id());
  const auto failing = [&] { run_task(loop, pool.run([]() -> int { throw std::runtime_error("no"); })); };
  EXPECT_THROW(failing(), std::runtime_error);
}

/// Under ThreadSanitizer, too: a cancellation and the end of the work meet again and again.
TEST(BlockingPool, who_is_cancelled_waits_for_the_end_of_the_work) {
  asio::io_context loop;
  BlockingPool pool(2);
  TaskGroup tasks(loop.get_executor());
  constexpr int rounds = 300;
  std::atomic<int> worked = 0;
  int begun = 0;
  const auto work = [&]() -> Task<void> {
    ++begun;
    const int worked_then = co_await pool.run([&worked] { return ++worked; });
    EXPECT_GE(worked, worked_then);
  };
  for (int i = 0; i < rounds; ++i) {
    tasks.spawn("work", work());
    loop.restart();
    while (begun == i) loop.run_one();
    tasks.cancel();
  }
  run_task(loop, tasks.join());
  EXPECT_EQ(worked, rounds);
}

/// Work that lasts until it may end, as that on a file system which does not answer.
class HangingWork {
 public:
  auto work() {
    return [state = state_]() -> Result<int> {
      ++state->begun;
      state->may_end.wait(false);
      return ++state->ended;
    };
  }
  void let_end() {
    state_->may_end = true;
    state_->may_end.notify_all();
  }
  int begun() const { return state_->begun; }
  int ended() const { return state_->ended; }

 private:
  struct State {
    std::atomic<bool> may_end = false;
    std::atomic<int> begun = 0;
    std::atomic<int> ended = 0;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

Task<void> run_into(BlockingPool& pool, std::string user, HangingWork& work,
                    std::vector<Result<int>>& results) {
  results.push_back(co_await pool.run_for(std::move(user), work.work()));
}

TEST(BlockingPool, work_of_one_user_that_hangs_holds_up_nobody_else) {
  asio::io_context loop;
  HangingWork hanging;
  std::vector<Result<int>> results;
  BlockingPool pool(BlockingPool::Limits{.threads = 2, .running_of_user = 1});
  TaskGroup tasks(loop.get_executor());
  for (int i = 0; i < 10; ++i) tasks.spawn("hang", run_into(pool, "ada", hanging, results));
  loop.poll();
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(run_task(loop, pool.run_for("bob", []() -> Result<int> { return 42; })).value(), 42);
    EXPECT_EQ(run_task(loop, pool.run([] { return 42; })), 42);
  }
  EXPECT_LE(hanging.begun(), 1);
  EXPECT_EQ(hanging.ended(), 0);
  hanging.let_end();
  run_task(loop, tasks.join());
  EXPECT_EQ(results.size(), 10U);
}

TEST(BlockingPool, users_are_served_in_turn) {
  asio::io_context loop;
  HangingWork first;
  std::vector<Result<int>> results;
  std::vector<std::string> order;
  BlockingPool pool(BlockingPool::Limits{.threads = 1, .running_of_user = 1});
  TaskGroup tasks(loop.get_executor());
  tasks.spawn("first", run_into(pool, "nobody", first, results));
  const auto note = [](BlockingPool& notes_in, std::vector<std::string>& notes,
                       std::string user) -> Task<void> {
    std::ignore = co_await notes_in.run_for(user, [&notes, user]() -> Result<int> {
      notes.push_back(user);
      return 0;
    });
  };
  for (int i = 0; i < 3; ++i) tasks.spawn("ada", note(pool, order, "ada"));
  for (int i = 0; i < 3; ++i) tasks.spawn("bob", note(pool, order, "bob"));
  loop.poll();
  first.let_end();
  run_task(loop, tasks.join());
  EXPECT_EQ(order, (std::vector<std::string>{"ada", "bob", "ada", "bob", "ada", "bob"}));
}

TEST(BlockingPool, too_much_work_of_one_user_is_refused) {
  asio::io_context loop;
  HangingWork hanging;
  std::vector<Result<int>> results;
  BlockingPool pool(BlockingPool::Limits{.threads = 2, .running_of_user = 1, .waiting_of_user = 3});
  TaskGroup tasks(loop.get_executor());
  tasks.spawn("hang", run_into(pool, "ada", hanging, results));
  while (hanging.begun() == 0) loop.poll();
  for (int i = 0; i < 4; ++i) tasks.spawn("wait", run_into(pool, "ada", hanging, results));
  while (results.empty()) loop.poll();
  ASSERT_FALSE(results[0]);
  EXPECT_EQ(results[0].error().code, ErrorCode::unavailable);
  EXPECT_TRUE(run_task(loop, pool.run_for("bob", []() -> Result<int> { return 0; })));
  hanging.let_end();
  run_task(loop, tasks.join());
  EXPECT_EQ(hanging.ended(), 4);
}

TEST(BlockingPool, work_that_takes_too_long_is_waited_for_no_longer) {
  asio::io_context loop;
  HangingWork hanging;
  BlockingPool pool(
      BlockingPool::Limits{.threads = 1, .running_of_user = 1, .patience = std::chrono::milliseconds(1)});
  const auto begun = run_task(loop, pool.run_for("ada", hanging.work()));
  ASSERT_FALSE(begun);
  EXPECT_EQ(begun.error().code, ErrorCode::timeout);
  EXPECT_FALSE(run_task(loop, pool.run_for("ada", hanging.work()))) << "it waited behind the other";
  hanging.let_end();
  run_task(loop, pool.run([] { return true; }));
  EXPECT_LE(hanging.begun(), 1) << "nobody waits for what has not begun";
}

TEST(BlockingPool, what_the_work_for_a_user_throws_reaches_the_caller) {
  asio::io_context loop;
  BlockingPool pool(1);
  const auto failing = [&] {
    std::ignore =
        run_task(loop, pool.run_for("ada", []() -> Result<int> { throw std::runtime_error("no"); }));
  };
  EXPECT_THROW(failing(), std::runtime_error);
}

}  // namespace
}  // namespace nextgen_kernels
