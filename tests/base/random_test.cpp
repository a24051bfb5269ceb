#include "base/random.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nextgen_kernels {
namespace {

TEST(Random, uuid_has_version_and_variant_of_rfc_4122) {
  EXPECT_THAT(random_uuid(),
              testing::MatchesRegex("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"));
  EXPECT_NE(random_uuid(), random_uuid());
}

TEST(Random, between_stays_in_range) {
  for (int i = 0; i < 1000; ++i) {
    const auto value = random_between(3, 5);
    EXPECT_GE(value, 3u);
    EXPECT_LE(value, 5u);
  }
}

}  // namespace
}  // namespace nextgen_kernels
