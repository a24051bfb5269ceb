#include "base/timestamp.h"

#include <gtest/gtest.h>

namespace nextgen_kernels {
namespace {

TEST(FormatTimestamp, always_prints_six_fraction_digits) {
  const Timestamp noon{std::chrono::seconds(1'700'000'000)};
  EXPECT_EQ(format_timestamp(noon), "2023-11-14T22:13:20.000000Z");
  EXPECT_EQ(format_timestamp(noon + std::chrono::microseconds(42)), "2023-11-14T22:13:20.000042Z");
}

TEST(ParseTimestamp, reads_what_clients_write) {
  const Timestamp noon{std::chrono::seconds(1'700'000'000)};
  for (const auto* text : {"2023-11-14T22:13:20Z", "2023-11-14T22:13:20.000000Z", "2023-11-14T22:13:20",
                           "2023-11-14T22:13:20.0+00:00"})
    EXPECT_EQ(parse_timestamp(text), noon) << text;
  EXPECT_EQ(parse_timestamp("2023-11-14T22:13:20.000042Z"), noon + std::chrono::microseconds(42));
  EXPECT_EQ(parse_timestamp(format_timestamp(noon)), noon);
  EXPECT_TRUE(parse_timestamp("1678-01-01T00:00:00Z"));
  EXPECT_TRUE(parse_timestamp("2261-12-31T23:59:59.999999999Z"));
}

TEST(ParseTimestamp, refuses_everything_else) {
  for (const auto* text :
       {"", "2023", "2023-11-14", "2023-11-14 22:13:20", "2023-13-14T22:13:20Z", "2023-02-30T22:13:20Z",
        "2023-11-14T24:13:20Z", "2023-11-14T22:60:20Z", "2023-11-14T22:13:61Z", "2023-11-14T22:13:20.Z",
        "2023-11-14T22:13:20+02:00", "2023-11-14T22:13:20Zx", "-023-11-14T22:13:20Z", "2023-11-14T2:13:20Z",
        "2023-11-14T22:13:20.0000000000Z", "1677-12-31T23:59:59Z", "2262-01-01T00:00:00Z"})
    EXPECT_FALSE(parse_timestamp(text)) << text;
}

}  // namespace
}  // namespace nextgen_kernels
