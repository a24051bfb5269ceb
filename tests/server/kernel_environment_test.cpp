#include "server/kernel_environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nextgen_kernels {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;

Result<std::map<std::string, std::string>> read(const nlohmann::json& env,
                                                const KernelEnvironmentRules& rules = {}) {
  return environment_field({{"env", env}}, rules);
}

TEST(EnvironmentField, takes_an_object_of_strings_only) {
  const auto read = [](std::string_view json) { return environment_field(nlohmann::json::parse(json)); };
  EXPECT_THAT(*read(R"({"env": {"KERNEL_USERNAME": "ada", "A": ""}})"),
              ElementsAre(Pair("A", ""), Pair("KERNEL_USERNAME", "ada")));
  EXPECT_TRUE(read(R"({"env": null})")->empty());
  EXPECT_THAT(read(R"({"env": ["A"]})").error().message, HasSubstr("'env' must be an object, not array"));
  EXPECT_THAT(read(R"({"env": {"A": 1}})").error().message, HasSubstr("'A' is number"));
  EXPECT_FALSE(read(R"({"env": {"A=B": ""}})"));
  EXPECT_FALSE(read(R"({"env": {"": ""}})"));
  EXPECT_FALSE(read(R"({"env": {"A": "x\u0000y"}})"));
}

TEST(EnvironmentField, leaves_out_what_decides_which_code_runs) {
  const auto environment = environment_field(nlohmann::json::parse(
      R"({"env": {"LD_PRELOAD": "x", "PATH": "x", "PYTHONPATH": "x", "KERNEL_X": "y"}})"));
  EXPECT_THAT(*environment, ElementsAre(Pair("KERNEL_X", "y")));
}

TEST(EnvironmentField, a_list_of_names_allows_those_and_kernel_variables) {
  const nlohmann::json env = {{"KERNEL_X", "1"}, {"A", "2"}, {"B", "3"}, {"PATH", "4"}};
  EXPECT_THAT(*read({{"JPY_SESSION_NAME", "/a.ipynb"}, {"JPY_PARENT_PID", "1"}}, {.client_envs = {}}),
              ElementsAre(Pair("JPY_SESSION_NAME", "/a.ipynb")));
  EXPECT_THAT(*read(env, {.client_envs = {}}), ElementsAre(Pair("KERNEL_X", "1")));
  EXPECT_THAT(*read(env, {.client_envs = {"A", "PATH"}}),
              ElementsAre(Pair("A", "2"), Pair("KERNEL_X", "1"), Pair("PATH", "4")));
}

TEST(EnvironmentField, leaves_out_unusual_names_unless_the_operator_lists_them) {
  for (const std::string name :
       {"1A", "A B", "A-B", "BASH_FUNC_module%%", "ProgramFiles(x86)", "KERNEL_(x86)", "\xC3\xA4", "A\n"}) {
    EXPECT_THAT(*read({{name, "x"}, {"A", "1"}}), ElementsAre(Pair("A", "1"))) << name;
    EXPECT_THAT(*read({{name, "x"}}, {.client_envs = {name}}), ElementsAre(Pair(name, "x")));
  }
  EXPECT_THAT(*read({{std::string(256, 'A'), "x"}}), IsEmpty());
  EXPECT_THAT(*read({{std::string(255, 'A'), "x"}}), Not(IsEmpty()));
}

TEST(EnvironmentField, names_that_no_environment_can_hold_are_refused) {
  for (const std::string& name :
       {std::string(), std::string("A=B"), std::string("=B"), std::string("A\0B", 3)}) {
    const auto refused = read({{name, "x"}});
    ASSERT_FALSE(refused) << name;
    EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
  }
}

TEST(EnvironmentField, empty_variables_with_a_meaning_count_as_not_set) {
  EXPECT_THAT(*read({{"KERNEL_ID", ""}, {"KERNEL_LAUNCH_TIMEOUT", ""}, {"KERNEL_X", ""}}),
              ElementsAre(Pair("KERNEL_X", "")));
}

TEST(EnvironmentField, values_are_bounded_and_never_told) {
  const std::string secret = "s3cr3t";
  const auto too_long = read({{"KERNEL_A", secret + std::string(64 * 1024, 'x')}});
  ASSERT_FALSE(too_long);
  EXPECT_THAT(too_long.error().message, HasSubstr("'KERNEL_A' has more than 65536 bytes"));
  nlohmann::json many = nlohmann::json::object();
  for (int i = 0; i < 17; ++i) many["KERNEL_" + std::to_string(i)] = secret + std::string(65530, 'x');
  EXPECT_FALSE(read(many));
  nlohmann::json too_many = nlohmann::json::object();
  for (int i = 0; i < 1001; ++i) too_many["KERNEL_" + std::to_string(i)] = "";
  EXPECT_FALSE(read(too_many));
  for (const auto* name : {"KERNEL_ID", "KERNEL_LAUNCH_TIMEOUT"}) {
    const auto refused = read({{name, secret}});
    ASSERT_FALSE(refused) << name;
    EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
    EXPECT_THAT(refused.error().message, Not(HasSubstr(secret)));
    EXPECT_THAT(refused.error().message, HasSubstr(name));
  }
}

TEST(EnvironmentField, launch_timeouts_are_seconds) {
  for (const auto* good : {"40", "0.5", "1e3"}) EXPECT_TRUE(read({{"KERNEL_LAUNCH_TIMEOUT", good}})) << good;
  for (const auto* bad : {"0", "-1", "nan", "inf", "1e300", "40s", " 40"})
    EXPECT_FALSE(read({{"KERNEL_LAUNCH_TIMEOUT", bad}})) << bad;
}

}  // namespace
}  // namespace nextgen_kernels
