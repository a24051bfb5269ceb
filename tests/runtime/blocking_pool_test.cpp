#include "runtime/blocking_pool.h"

#include <atomic>
#include <stdexcept>
#include <thread>

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

}  // namespace
}  // namespace nextgen_kernels
