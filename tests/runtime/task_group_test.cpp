#include "runtime/task_group.h"

#include <memory>
#include <stdexcept>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include "../support/run_task.h"
#include "runtime/event.h"

namespace nextgen_kernels {
namespace {

Task<void> wait_for_ever(std::shared_ptr<int> token) {
  Event never(co_await asio::this_coro::executor);
  while (*token == 0) co_await never.wait();
}

Task<void> fail() {
  throw std::runtime_error("on purpose");
  co_return;
}

Task<void> set_when(Event& event, const bool& condition, bool& result) {
  while (!condition) co_await event.wait();
  result = true;
}

TEST(TaskGroup, join_ends_when_all_tasks_have) {
  asio::io_context loop;
  TaskGroup group(loop.get_executor());
  Event event(loop.get_executor());
  bool condition = false;
  bool first = false;
  bool second = false;
  group.spawn("first", set_when(event, condition, first));
  group.spawn("second", set_when(event, condition, second));
  asio::post(loop, [&] {
    condition = true;
    event.notify_all();
  });
  run_task(loop, group.join());
  EXPECT_TRUE(first);
  EXPECT_TRUE(second);
  EXPECT_TRUE(group.empty());
}

Task<void> clear(std::vector<int>& values) {
  values.clear();
  co_return;
}

TEST(TaskGroup, a_task_does_not_begin_inside_the_call_that_spawns_it) {
  asio::io_context loop;
  TaskGroup group(loop.get_executor());
  std::vector<int> values = {1, 2, 3};
  std::size_t visited = 0;
  asio::post(loop, [&] {
    for (const auto value : values) {
      group.spawn("clear", clear(values));
      visited += value > 0 ? 1 : 0;
    }
  });
  loop.run();
  EXPECT_EQ(visited, 3u);
  EXPECT_TRUE(values.empty());
}

TEST(TaskGroup, cancel_ends_waiting_tasks_and_frees_what_they_held) {
  asio::io_context loop;
  TaskGroup group(loop.get_executor());
  const auto token = std::make_shared<int>(0);
  group.spawn("waiter", wait_for_ever(token));
  loop.poll();
  EXPECT_EQ(token.use_count(), 2);
  group.cancel();
  run_task(loop, group.join());
  EXPECT_EQ(token.use_count(), 1);
}

TEST(TaskGroup, a_task_cancelled_before_it_ran_does_not_run) {
  asio::io_context loop;
  bool ran = false;
  {
    TaskGroup group(loop.get_executor());
    Event event(loop.get_executor());
    const bool condition = true;
    group.spawn("never started", set_when(event, condition, ran));
    group.cancel();
    run_task(loop, group.join());
  }
  EXPECT_FALSE(ran);
}

TEST(TaskGroup, a_task_may_end_while_its_cancellation_is_on_its_way) {
  asio::io_context loop;
  Event event(loop.get_executor());
  bool condition = false;
  bool done = false;
  {
    TaskGroup group(loop.get_executor());
    group.spawn("ends by itself", set_when(event, condition, done));
    loop.poll();
    condition = true;
    event.notify_all();
    // Outside the event loop Asio only posts a cancellation; the task's own end was posted before it.
    group.cancel();
  }
  loop.restart();
  loop.poll();
  EXPECT_TRUE(done);
}

TEST(TaskGroup, a_failing_task_does_not_take_the_others_along) {
  asio::io_context loop;
  TaskGroup group(loop.get_executor());
  Event event(loop.get_executor());
  bool done = false;
  const bool condition = true;
  group.spawn("fails", fail());
  group.spawn("works", set_when(event, condition, done));
  run_task(loop, group.join());
  EXPECT_TRUE(done);
}

}  // namespace
}  // namespace nextgen_kernels
