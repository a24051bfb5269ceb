#include "base/timestamp.h"

#include <gtest/gtest.h>

namespace nextgen_kernels {
namespace {

TEST(FormatTimestamp, always_prints_six_fraction_digits) {
  const Timestamp noon{std::chrono::seconds(1'700'000'000)};
  EXPECT_EQ(format_timestamp(noon), "2023-11-14T22:13:20.000000Z");
  EXPECT_EQ(format_timestamp(noon + std::chrono::microseconds(42)), "2023-11-14T22:13:20.000042Z");
}

}  // namespace
}  // namespace nextgen_kernels
