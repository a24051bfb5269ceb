#include "discovery/plugin_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nextgen_kernels {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

PluginClass limited() {
  return {.reference = "limited:Provisioner"_class,
          .kind = PluginClassKind::provisioner,
          .options = {{.name = "memory", .type = PluginOptionType::integer, .default_value = 1024},
                      {.name = "queue", .type = PluginOptionType::string},
                      {.name = "share", .type = PluginOptionType::number, .default_value = 0.5}}};
}

std::string failure_of(const json& config) {
  const auto options = complete_options(limited(), config);
  return options ? "no failure" : options.error().message;
}

TEST(PluginOptions, defaults_fill_in_what_the_spec_does_not_say) {
  EXPECT_EQ(complete_options(limited(), json::object()).value(), (json{{"memory", 1024}, {"share", 0.5}}));
  EXPECT_EQ(complete_options(limited(), {{"memory", 5}, {"queue", "q"}, {"share", 1}}).value(),
            (json{{"memory", 5}, {"queue", "q"}, {"share", 1}}));
}

TEST(PluginOptions, an_unknown_name_is_told_with_the_one_that_was_meant) {
  EXPECT_THAT(failure_of({{"memroy", 5}}),
              AllOf(HasSubstr("metadata.kernel_provisioner.config.memroy"), HasSubstr("limited:Provisioner"),
                    HasSubstr("Did you mean memory?"), HasSubstr("memory, queue, share")));
  auto without = limited();
  without.options.clear();
  EXPECT_THAT(complete_options(without, {{"x", 1}}).error().message, HasSubstr("has no options"));
}

TEST(PluginOptions, a_value_of_another_type_is_told_with_both_types) {
  EXPECT_THAT(failure_of({{"memory", "5"}}),
              AllOf(HasSubstr("config.memory"), HasSubstr("an integer"), HasSubstr("it is string")));
  EXPECT_THAT(failure_of({{"queue", 5}}), AllOf(HasSubstr("a string"), HasSubstr("it is number")));
  EXPECT_THAT(failure_of({{"memory", 1.5}}), HasSubstr("an integer"));
}

}  // namespace
}  // namespace nextgen_kernels
