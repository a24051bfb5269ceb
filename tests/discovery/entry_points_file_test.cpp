#include "discovery/entry_points_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nextgen_kernels {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;

EntryPointsFile parse(std::string_view text) {
  return parse_entry_points(text, "spark 1.2", "/site/spark-1.2.dist-info/entry_points.txt");
}

auto entry(std::string_view name, std::string_view value) {
  return AllOf(Field(&EntryPoint::name, name), Field(&EntryPoint::value, value));
}

TEST(EntryPointsFile, reads_the_two_groups_and_passes_over_the_others) {
  const auto file = parse(
      "[console_scripts]\n"
      "this line is no entry point, and nobody minds\n"
      "[jupyter_client.kernel_provisioners]\n"
      "spark-provisioner = spark.provisioner:SparkProvisioner\n"
      "\n"
      "[jupyter_kernel_client_registry]\n"
      "spark.provisioner:SparkProvisioner = spark.client:SparkClient\n");
  EXPECT_THAT(file.provisioners,
              ElementsAre(entry("spark-provisioner", "spark.provisioner:SparkProvisioner")));
  EXPECT_THAT(file.clients,
              ElementsAre(entry("spark.provisioner:SparkProvisioner", "spark.client:SparkClient")))
      << "the first = ends the name, which may hold colons";
  EXPECT_THAT(file.problems, IsEmpty());
  EXPECT_EQ(file.clients[0].describe_source(),
            "entry point of spark 1.2 (/site/spark-1.2.dist-info/entry_points.txt)");
}

TEST(EntryPointsFile, accepts_what_python_accepts) {
  const auto file = parse(
      "\xef\xbb\xbf# a comment\r\n"
      "[ jupyter_client.kernel_provisioners ]\r\n"
      "  ; another\r\n"
      "a=m:A\r\n"
      "  b   =   m : B   [extra1, extra2]  \r\n"
      "c = m.C\r\n"
      "[other]\r\n"
      "x = m:X\r\n"
      "[jupyter_client.kernel_provisioners]\r\n"
      "d=m:D");
  EXPECT_THAT(file.provisioners,
              ElementsAre(entry("a", "m:A"), entry("b", "m:B"), entry("c", "m.C"), entry("d", "m:D")));
  EXPECT_THAT(file.problems, IsEmpty());
}

TEST(EntryPointsFile, malformed_lines_are_problems_and_stop_nothing) {
  const auto file = parse(
      "[jupyter_client.kernel_provisioners]\n"
      "nothing\n"
      "= m:A\n"
      "a =\n"
      "b = [extra]\n"
      "c\x01 = m:C\n"
      "d = m:\xff\n"
      "e = m:E\n");
  EXPECT_THAT(file.provisioners, ElementsAre(entry("e", "m:E")));
  EXPECT_THAT(file.problems, ElementsAre(AllOf(HasSubstr("line 2"), HasSubstr(R"("nothing")"),
                                               HasSubstr("name = module:Class")),
                                         HasSubstr("line 3"), HasSubstr("line 4"), HasSubstr("line 5"),
                                         HasSubstr("line 6"), HasSubstr("line 7")));
}

TEST(EntryPointsFile, a_long_line_is_shown_in_part) {
  const auto file = parse("[jupyter_kernel_client_registry]\n" + std::string(10'000, 'x'));
  ASSERT_EQ(file.problems.size(), 1);
  EXPECT_LT(file.problems[0].size(), 200);
}

TEST(EntryPointsFile, nothing_stands_in_an_empty_file) {
  const auto file = parse("");
  EXPECT_THAT(file.provisioners, IsEmpty());
  EXPECT_THAT(file.clients, IsEmpty());
  EXPECT_THAT(file.problems, IsEmpty());
}

}  // namespace
}  // namespace nextgen_kernels
