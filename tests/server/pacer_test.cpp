#include "server/pacer.h"

#include <gtest/gtest.h>

namespace nextgen_kernels {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
const Pacer::Clock::time_point start{};

TEST(Pacer, without_limits_everything_is_allowed) {
  Pacer pacer({}, start);
  EXPECT_FALSE(pacer.enabled());
  EXPECT_EQ(pacer.allowed(512, start), 512u);
}

TEST(Pacer, messages_come_at_the_rate_after_what_the_window_allows_at_once) {
  Pacer pacer({.messages_per_second = 100, .window = seconds(3)}, start);
  EXPECT_EQ(pacer.allowed(512, start), 300u);
  pacer.spend(300, 1'000'000);
  EXPECT_EQ(pacer.allowed(512, start), 0u);
  EXPECT_GE(pacer.delay(), milliseconds(10));
  EXPECT_EQ(pacer.allowed(512, start + milliseconds(500)), 50u);
  pacer.spend(50, 0);
  EXPECT_EQ(pacer.allowed(512, start + seconds(100)), 300u);
}

TEST(Pacer, a_message_larger_than_the_limit_is_sent_and_paid_for) {
  Pacer pacer({.bytes_per_second = 1000, .window = seconds(1)}, start);
  EXPECT_EQ(pacer.allowed(512, start), 512u);
  pacer.spend(1, 5000);
  EXPECT_EQ(pacer.allowed(512, start + seconds(3)), 0u);
  EXPECT_GE(pacer.delay(), seconds(1));
  EXPECT_EQ(pacer.allowed(512, start + milliseconds(4002)), 512u);
}

}  // namespace
}  // namespace nextgen_kernels
