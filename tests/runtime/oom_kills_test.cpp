#include "runtime/oom_kills.h"

#include <gtest/gtest.h>

#include "../support/temporary_directory.h"

namespace nextgen_kernels {
namespace {

class OomKillsTest : public testing::Test {
 protected:
  TemporaryDirectory system_;
};

TEST_F(OomKillsTest, are_read_from_the_unified_control_group) {
  system_.write("proc/self/cgroup", "0::/user.slice/kernels\n");
  const auto file = system_.write("sys/fs/cgroup/user.slice/kernels/memory.events",
                                  "low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 0\n");
  system_.write("proc/vmstat", "oom_kill 77\n");
  const auto kills = read_oom_kills(system_.path());
  ASSERT_TRUE(kills);
  EXPECT_EQ(kills->count, 2u);
  EXPECT_EQ(kills->source, file);
}

TEST_F(OomKillsTest, are_read_from_a_group_that_a_container_sees_as_the_root) {
  system_.write("proc/self/cgroup", "0::/docker/4711\n");
  system_.write("sys/fs/cgroup/memory.events", "oom_kill 5\n");
  EXPECT_EQ(read_oom_kills(system_.path())->count, 5u);
}

TEST_F(OomKillsTest, are_read_from_the_memory_controller_of_the_first_version) {
  system_.write("proc/self/cgroup", "5:devices:/\n4:memory:/kernels\n0::/\n");
  system_.write("sys/fs/cgroup/memory/kernels/memory.oom_control",
                "oom_kill_disable 0\nunder_oom 0\noom_kill 4\n");
  EXPECT_EQ(read_oom_kills(system_.path())->count, 4u);
}

TEST_F(OomKillsTest, are_those_of_the_machine_where_no_group_tells) {
  system_.write("proc/self/cgroup", "broken line\n0::/\n");
  system_.write("proc/vmstat", "nr_free_pages 1\noom_kill 9\n");
  EXPECT_EQ(read_oom_kills(system_.path())->count, 9u);
}

TEST_F(OomKillsTest, are_unknown_where_nothing_tells) {
  EXPECT_FALSE(read_oom_kills(system_.path()));
  system_.write("proc/vmstat", "oom_kill many\n");
  EXPECT_FALSE(read_oom_kills(system_.path()));
}

TEST(oom_kills, of_this_machine_can_be_read) {
  EXPECT_TRUE(read_oom_kills());
}

}  // namespace
}  // namespace nextgen_kernels
