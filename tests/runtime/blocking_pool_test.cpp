#include "runtime/blocking_pool.h"

#include <thread>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace nextgen_kernels
