#include "discovery/plugin_options.h"

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
  const auto checked = check_options({"limited-provisioner", provisioner_options_place}, options, config);
  return checked ? "" : checked.error().message;
}

TEST(PluginOptions, what_fits_is_accepted) {
  EXPECT_EQ(error_of({{"memory_limit", "2G"}, {"cores", 4}}), "");
  EXPECT_EQ(error_of({{"memory_limit", "2G"}}), "");
}

TEST(PluginOptions, an_unknown_option_is_named_with_the_one_that_was_meant) {
  EXPECT_EQ(
      error_of({{"memory_limt", "2G"}}),
      "limited-provisioner has no option \"memory_limt\" in metadata.kernel_provisioner.config. Did you mean "
      "\"memory_limit\"?");
  EXPECT_THAT(error_of({{"queue", "x"}}), HasSubstr("There are: memory_limit, cores"));
  const auto none = check_options({"local-provisioner", provisioner_options_place}, {}, {{"x", 1}});
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().message, HasSubstr("local-provisioner has no option \"x\": it takes none"));
}

TEST(PluginOptions, a_wrong_type_is_named_and_the_value_is_not_shown) {
  const auto message = error_of({{"memory_limit", "2G"}, {"cores", "password"}});
  EXPECT_EQ(message,
            "Option cores of limited-provisioner must be a whole number in "
            "metadata.kernel_provisioner.config, it is string");
  EXPECT_THAT(message, Not(HasSubstr("password")));
}

TEST(PluginOptions, a_value_that_is_not_a_choice_is_refused_with_those_that_are) {
  const std::array<PluginOption, 1> with_choices = {
      PluginOption{.name = "queue", .type = PluginOptionType::string, .choices = {"fast", "slow"}}};
  EXPECT_TRUE(check_options({"batch", provisioner_options_place}, with_choices, {{"queue", "slow"}}));
  const auto checked =
      check_options({"batch", provisioner_options_place}, with_choices, {{"queue", "secret"}});
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().message,
            "Option queue of batch must be one of fast, slow in metadata.kernel_provisioner.config");
}

TEST(PluginOptions, a_missing_option_is_named_with_what_it_is) {
  EXPECT_EQ(error_of({{"cores", 4}}),
            "limited-provisioner needs option memory_limit in metadata.kernel_provisioner.config: How much.");
}

TEST(PluginOptions, defaults_fill_in_what_is_not_given) {
  const std::array<PluginOption, 2> with_defaults = {
      PluginOption{.name = "cores", .type = PluginOptionType::integer, .default_value = 2},
      PluginOption{.name = "queue", .type = PluginOptionType::string}};
  EXPECT_EQ(complete_options(with_defaults, json::object()), (json{{"cores", 2}}));
  EXPECT_EQ(complete_options(with_defaults, {{"cores", 4}, {"queue", "q"}}),
            (json{{"cores", 4}, {"queue", "q"}}));
}

TEST(PluginOptions, a_configuration_gives_them_by_class) {
  const std::vector<std::string> objects = {R"({"class": "limited.Client", "options": {"log_every": 10}})"};
  const auto configured = parse_class_options(objects, "KernelClientRegistry.class_options");
  ASSERT_TRUE(configured) << configured.error().message;
  ASSERT_EQ(configured->size(), 1);
  EXPECT_EQ(configured->front().class_reference, "limited:Client"_class);
  EXPECT_EQ(configured->front().values, (json{{"log_every", 10}}));
}

TEST(PluginOptions, a_malformed_configuration_is_named_with_its_place) {
  const auto error = [](const char* object) {
    const std::vector<std::string> objects = {object};
    const auto configured = parse_class_options(objects, "Trait");
    return configured ? std::string() : configured.error().message;
  };
  EXPECT_THAT(error(R"({"options": {}})"), HasSubstr("Trait[0].class is missing"));
  EXPECT_THAT(error(R"({"class": "a:A"})"), HasSubstr("Trait[0].options is missing"));
  EXPECT_THAT(error(R"({"class": "a:A", "options": 1})"), HasSubstr("Trait[0].options must be an object"));
  EXPECT_THAT(error(R"({"class": "A", "options": {}})"), HasSubstr("is not a class reference"));
  EXPECT_THAT(error(R"({"klass": "a:A", "options": {}})"), HasSubstr("did you mean class?"));
  EXPECT_THAT(error("{"), HasSubstr("must be an object"));
}

}  // namespace
}  // namespace nextgen_kernels
