#include "kernels/restart_policy.h"

#include <gtest/gtest.h>

namespace nextgen_kernels {
namespace {

using namespace std::chrono_literals;

TEST(restart_policy, the_first_restart_is_immediate_and_later_ones_wait_longer_and_longer) {
  RestartPolicy policy({.autorestart = true, .restart_limit = 100, .stable_start_time = 10s});
  EXPECT_EQ(policy.on_death(1s), 0s);
  EXPECT_EQ(policy.on_death(1s), 200ms);
  EXPECT_EQ(policy.on_death(1s), 400ms);
  for (int i = 0; i < 50; ++i) policy.on_death(1s);
  EXPECT_EQ(policy.on_death(1s), 10s);
}

TEST(restart_policy, gives_up_past_the_limit) {
  RestartPolicy policy({.autorestart = true, .restart_limit = 2, .stable_start_time = 10s});
  EXPECT_TRUE(policy.on_death(1s));
  EXPECT_TRUE(policy.on_death(1s));
  EXPECT_FALSE(policy.limit_reached());
  EXPECT_FALSE(policy.on_death(1s));
  EXPECT_TRUE(policy.limit_reached());
  EXPECT_EQ(policy.deaths_in_a_row(), 3);
}

TEST(restart_policy, a_kernel_that_was_well_started_begins_a_new_row) {
  RestartPolicy policy({.autorestart = true, .restart_limit = 1, .stable_start_time = 10s});
  EXPECT_TRUE(policy.on_death(1s));
  EXPECT_EQ(policy.on_death(11s), 0s);
  EXPECT_FALSE(policy.on_death(1s));
  policy.reset();
  EXPECT_EQ(policy.on_death(1s), 0s);
}

TEST(restart_policy, without_autorestart_every_death_is_the_last) {
  RestartPolicy policy({.autorestart = false, .restart_limit = 5, .stable_start_time = 10s});
  EXPECT_FALSE(policy.on_death(100s));
  EXPECT_FALSE(policy.limit_reached());
}

TEST(restart_policy, a_limit_of_zero_restarts_nothing) {
  RestartPolicy policy({.autorestart = true, .restart_limit = 0, .stable_start_time = 10s});
  EXPECT_FALSE(policy.on_death(100s));
}

}  // namespace
}  // namespace nextgen_kernels
