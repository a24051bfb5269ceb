#include "server/resource_monitor.h"

#include <gtest/gtest.h>

namespace nextgen_kernels {
namespace {

using namespace std::chrono_literals;

ResourceMonitor::Look look(pid_t pid, std::chrono::seconds at, double cpu_seconds) {
  return {.pid = pid, .at = std::chrono::steady_clock::time_point(at), .usage = {.cpu_seconds = cpu_seconds}};
}

TEST(ResourceMonitor, the_processor_is_measured_between_two_looks_of_who_asks) {
  const auto percent = [](const std::optional<ResourceMonitor::Look>& earlier, const auto& later) {
    return ResourceMonitor::usage_between(earlier, later).at("cpu_percent");
  };
  EXPECT_EQ(percent(look(7, 10s, 1.0), look(7, 20s, 6.0)), 50.0);
  EXPECT_EQ(percent(look(7, 10s, 1.0), look(7, 12s, 6.0)), 250.0) << "of one processor";
  EXPECT_EQ(percent(look(7, 10s, 6.0), look(7, 12s, 1.0)), 0.0) << "a child has ended";
  EXPECT_TRUE(percent(std::nullopt, look(7, 20s, 6.0)).is_null());
  EXPECT_TRUE(percent(look(7, 10s, 1.0), look(8, 20s, 6.0)).is_null()) << "it was restarted";
  EXPECT_TRUE(percent(look(7, 10s, 1.0), look(7, 10s, 1.0)).is_null()) << "it is the same look";
}

}  // namespace
}  // namespace nextgen_kernels
