#include "registry/mapping.h"

#include <gtest/gtest.h>

namespace nextgen_kernels {
namespace {

const KernelContext python_kernel{.kernel_name = "python3",
                                  .language = "python",
                                  .kernel_client = "document",
                                  .labels = {{"tier", "gpu"}, {"team", "blue"}}};

TEST(MappingCriteria, none_match_every_kernel) {
  EXPECT_TRUE(MappingCriteria{}.matches(python_kernel));
  EXPECT_TRUE(MappingCriteria{}.matches({}));
}

TEST(MappingCriteria, each_field_must_hold) {
  const auto matches = [](const MappingCriteria& criteria) { return criteria.matches(python_kernel); };
  EXPECT_TRUE(matches({.kernel_names = {"python2", "python3"}}));
  EXPECT_FALSE(matches({.kernel_names = {"Python3"}}));
  EXPECT_TRUE(matches({.languages = {"Python"}})) << "languages are written in either case";
  EXPECT_TRUE(matches({.kernel_clients = {"document"}}));
  EXPECT_FALSE(matches({.kernel_clients = {"plain"}}));
  EXPECT_TRUE(matches({.labels = {{"tier", "gpu"}}}));
  EXPECT_FALSE(matches({.labels = {{"tier", "cpu"}}}));
  EXPECT_FALSE(matches({.labels = {{"zone", "a"}}}));
  EXPECT_FALSE(matches({.kernel_names = {"python3"}, .languages = {"julia"}}));
}

TEST(MappingCriteria, what_is_unknown_of_a_kernel_matches_nothing) {
  EXPECT_FALSE(MappingCriteria{.kernel_names = {"python3"}}.matches({}));
  EXPECT_FALSE((MappingCriteria{.labels = {{"tier", "gpu"}}}.matches({})));
}

TEST(MappingCriteria, overlap_when_some_kernel_could_meet_both) {
  const auto overlap = [](const MappingCriteria& left, const MappingCriteria& right) {
    EXPECT_EQ(left.overlaps(right), right.overlaps(left));
    return left.overlaps(right);
  };
  EXPECT_TRUE(overlap({}, {.languages = {"r"}}));
  EXPECT_TRUE(overlap({.kernel_names = {"a", "b"}}, {.kernel_names = {"b", "c"}}));
  EXPECT_TRUE(overlap({.kernel_names = {"a"}}, {.languages = {"r"}}));
  EXPECT_FALSE(overlap({.kernel_names = {"a"}}, {.kernel_names = {"c"}}));
  EXPECT_TRUE(overlap({.languages = {"R"}}, {.languages = {"r"}}));
  EXPECT_TRUE(overlap({.labels = {{"x", "1"}}}, {.labels = {{"y", "2"}}}));
  EXPECT_FALSE(overlap({.labels = {{"x", "1"}}}, {.labels = {{"x", "2"}}}));
}

TEST(MappingCriteria, describes_itself) {
  EXPECT_EQ(MappingCriteria{}.describe(), "every kernel");
  EXPECT_EQ((MappingCriteria{.kernel_names = {"a", "b"}, .labels = {{"tier", "gpu"}}}.describe()),
            "kernel name a or b, label tier=gpu");
}

}  // namespace
}  // namespace nextgen_kernels
