#include "discovery/provisioner_config.h"

#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nextgen_kernels {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

const std::array<PluginOption, 2> options = {
    PluginOption{
        .name = "memory_limit", .type = PluginOptionType::string, .help = "How much.", .required = true},
    PluginOption{.name = "cores", .type = PluginOptionType::integer}};

std::string error_of(const json& config) {
  const auto checked = check_provisioner_config("limited-provisioner", options, config);
  return checked ? "" : checked.error().message;
}

TEST(ProvisionerConfig, what_fits_is_accepted) {
  EXPECT_EQ(error_of({{"memory_limit", "2G"}, {"cores", 4}}), "");
  EXPECT_EQ(error_of({{"memory_limit", "2G"}}), "");
}

TEST(ProvisionerConfig, an_unknown_option_is_named_with_the_one_that_was_meant) {
  EXPECT_EQ(
      error_of({{"memory_limt", "2G"}}),
      "limited-provisioner has no option \"memory_limt\" in metadata.kernel_provisioner.config. Did you mean "
      "\"memory_limit\"?");
  EXPECT_THAT(error_of({{"queue", "x"}}), HasSubstr("There are: memory_limit, cores"));
  const auto none = check_provisioner_config("local-provisioner", {}, {{"x", 1}});
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().message, HasSubstr("local-provisioner has no option \"x\": it takes none"));
}

TEST(ProvisionerConfig, a_wrong_type_is_named_and_the_value_is_not_shown) {
  const auto message = error_of({{"memory_limit", "2G"}, {"cores", "password"}});
  EXPECT_EQ(message,
            "Option cores of limited-provisioner must be a whole number in "
            "metadata.kernel_provisioner.config, it is string");
  EXPECT_THAT(message, Not(HasSubstr("password")));
}

TEST(ProvisionerConfig, a_value_that_is_not_a_choice_is_refused_with_those_that_are) {
  const std::array<PluginOption, 1> with_choices = {
      PluginOption{.name = "queue", .type = PluginOptionType::string, .choices = {"fast", "slow"}}};
  EXPECT_TRUE(check_provisioner_config("batch", with_choices, {{"queue", "slow"}}));
  const auto checked = check_provisioner_config("batch", with_choices, {{"queue", "secret"}});
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().message,
            "Option queue of batch must be one of fast, slow in metadata.kernel_provisioner.config");
}

TEST(ProvisionerConfig, a_missing_option_is_named_with_what_it_is) {
  EXPECT_EQ(error_of({{"cores", 4}}),
            "limited-provisioner needs option memory_limit in metadata.kernel_provisioner.config: How much.");
}

TEST(ProvisionerConfig, defaults_fill_in_what_is_not_given) {
  const std::array<PluginOption, 2> with_defaults = {
      PluginOption{.name = "cores", .type = PluginOptionType::integer, .default_value = 2},
      PluginOption{.name = "queue", .type = PluginOptionType::string}};
  EXPECT_EQ(complete_provisioner_config(with_defaults, json::object()), (json{{"cores", 2}}));
  EXPECT_EQ(complete_provisioner_config(with_defaults, {{"cores", 4}, {"queue", "q"}}),
            (json{{"cores", 4}, {"queue", "q"}}));
}

}  // namespace
}  // namespace nextgen_kernels
