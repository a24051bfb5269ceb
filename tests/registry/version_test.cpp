#include "registry/version.h"

#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nextgen_kernels {
namespace {

Version version(std::string_view text) {
  return Version::parse(text).value();
}
bool in_range(std::string_view range, std::string_view text) {
  return VersionRange::parse(range).value().contains(version(text));
}

TEST(Version, orders_as_pep_440_does) {
  constexpr std::array ascending{"0.9",   "1.0.dev1", "1.0.dev2", "1.0a1.dev1", "1.0a1", "1.0a2",
                                 "1.0b1", "1.0rc1",   "1.0",      "1.0.post1",  "1.0.1", "1.2",
                                 "1.10",  "1.10.1",   "2",        "10.0"};
  for (std::size_t i = 0; i < ascending.size(); ++i)
    for (std::size_t j = 0; j < ascending.size(); ++j)
      EXPECT_EQ(version(ascending[i]) <=> version(ascending[j]), i <=> j)
          << ascending[i] << " " << ascending[j];
}

TEST(Version, spellings_of_the_same_are_equal) {
  EXPECT_EQ(version("1"), version("1.0.0"));
  EXPECT_EQ(version("v1.2"), version("1.2"));
  EXPECT_EQ(version("1.0.0-rc.1"), version("1.0rc1"));
  EXPECT_EQ(version("1.0-alpha"), version("1.0a0"));
  EXPECT_EQ(version("1.0+linux.x86-64"), version("1.0"));
  EXPECT_EQ(version("1.0RC1").text(), "1.0RC1");
}

class BadVersion : public testing::TestWithParam<const char*> {};
TEST_P(BadVersion, is_refused) {
  const auto parsed = Version::parse(GetParam());
  ASSERT_FALSE(parsed.has_value());
  EXPECT_THAT(parsed.error().message, testing::HasSubstr("is not a version"));
}
INSTANTIATE_TEST_SUITE_P(Texts, BadVersion,
                         testing::Values("", "v", ".1", "1.", "1..2", "1.x", "one", "1 2", "-1", "1.0+",
                                         "1.0+a b", "1.0foo1", "1.0rc1rc2", "1.0.dev1.post1", "4294967296",
                                         "4294967295", "1.99999999999999999999", "1.0rc99999999999999999999",
                                         "1.0\n"));

TEST(VersionRange, every_comparison_must_hold) {
  EXPECT_TRUE(in_range(">=1.2, <2", "1.2"));
  EXPECT_TRUE(in_range(">=1.2,<2", "1.99"));
  EXPECT_FALSE(in_range(">=1.2,<2", "2.0"));
  EXPECT_FALSE(in_range(">=1.2,<2", "1.1.9"));
  EXPECT_TRUE(in_range("*", "0.0.1"));
  EXPECT_FALSE(in_range("!=1.5", "1.5.0"));
  EXPECT_TRUE(in_range("<=1.5,>1", "1.5"));
}

TEST(VersionRange, compatible_release_holds_the_leading_numbers) {
  EXPECT_TRUE(in_range("~=1.4.2", "1.4.9"));
  EXPECT_FALSE(in_range("~=1.4.2", "1.5"));
  EXPECT_TRUE(in_range("~=1.4", "1.9"));
  EXPECT_TRUE(in_range("~=2.0", "2.7"));
  EXPECT_FALSE(in_range("~=2.0", "3.0"));
}

TEST(VersionRange, a_star_matches_by_prefix) {
  EXPECT_TRUE(in_range("==1.2.*", "1.2.7"));
  EXPECT_FALSE(in_range("==1.2.*", "1.20"));
  EXPECT_TRUE(in_range("==1.0.*", "1.0"));
  EXPECT_FALSE(in_range("!=1.*", "1.5"));
}

TEST(VersionRange, an_exclusive_bound_excludes_its_own_pre_and_post_releases) {
  EXPECT_FALSE(in_range("<2", "2.0rc1"));
  EXPECT_TRUE(in_range("<2rc2", "2.0rc1"));
  EXPECT_FALSE(in_range(">1.7", "1.7.post1"));
  EXPECT_TRUE(in_range(">1.7.post1", "1.7.post2"));
  EXPECT_TRUE(in_range(">1.7", "1.7.1"));
}

class BadVersionRange : public testing::TestWithParam<const char*> {};
TEST_P(BadVersionRange, is_refused) {
  EXPECT_FALSE(VersionRange::parse(GetParam()).has_value());
}
INSTANTIATE_TEST_SUITE_P(Texts, BadVersionRange,
                         testing::Values("", " ", ",", "1.2", ">=", ">=x", ">=1,", "=1", "=>1", "~=1",
                                         ">=1.*", "==.*", ">=1 <2", "**"));

}  // namespace
}  // namespace nextgen_kernels
