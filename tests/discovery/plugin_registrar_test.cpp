#include "discovery/plugin_registrar.h"

#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nextgen_kernels {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;

class PluginRegistrarTest : public testing::Test {
 protected:
  PluginRegistrarTest() {
    manifest_.package = "spark";
    manifest_.version = "2.1";
  }

  Result<void> register_client(std::string_view provisioner, std::string_view client,
                               std::string_view options = "") {
    return PluginRegistrar::register_client(registrar_->host_for(manifest_, nk_host{}).library, provisioner,
                                            client, options);
  }

  KernelClientRegistry registry_;
  std::optional<PluginRegistrar> registrar_{std::in_place, registry_};
  PluginManifest manifest_;
};

TEST_F(PluginRegistrarTest, a_plugin_registers_in_its_own_name) {
  ASSERT_TRUE(register_client("spark.Provisioner", "spark:Client"));
  const auto resolution = registry_.get_client_for_provisioner("spark:Provisioner"_class);
  EXPECT_EQ(resolution->client, "spark:Client"_class);
  EXPECT_EQ(resolution->source, "programmatic, plugin spark 2.1");
}

TEST_F(PluginRegistrarTest, options_say_for_which_kernels) {
  ASSERT_TRUE(register_client("spark:Provisioner", "spark:Client",
                              R"({"languages": ["scala"], "labels": {"tier": "gpu"}, "priority": 4})"));
  const auto& options = registry_.registered_mappings().at(0).mapping->options;
  EXPECT_EQ(options.priority, 4);
  EXPECT_EQ(options.criteria.describe(), "language scala, label tier=gpu");
}

TEST_F(PluginRegistrarTest, what_is_wrong_is_answered_and_a_problem_until_it_is_right) {
  EXPECT_THAT(register_client("no reference", "spark:Client").error().message, HasSubstr("no reference"));
  EXPECT_THAT(register_client("spark:Provisioner", "spark:Client", R"({"kernel_name": []})").error().message,
              AllOf(HasSubstr("The options of register_client"), HasSubstr("did you mean kernel_names?")));
  EXPECT_THAT(register_client("spark:Provisioner", "spark:Client", "{").error().message,
              HasSubstr("are not JSON"));
  EXPECT_THAT(register_client("spark:Provisioner", "spark:Client", "[]").error().message,
              HasSubstr("must be an object"));
  EXPECT_THAT(
      registrar_->problems(),
      ElementsAre(AllOf(Field(&RegistryProblem::subject, "no reference"),
                        Field(&RegistryProblem::source, "plugin spark 2.1"),
                        Field(&RegistryProblem::message, HasSubstr("could not map it to spark:Client"))),
                  Field(&RegistryProblem::subject, "spark:Provisioner")));
  EXPECT_TRUE(register_client("spark:Provisioner", "spark:Client"));
  EXPECT_THAT(registrar_->problems(), ElementsAre(Field(&RegistryProblem::subject, "no reference")));
}

TEST_F(PluginRegistrarTest, a_library_that_outlives_the_server_is_refused) {
  auto* const library = registrar_->host_for(manifest_, nk_host{}).library;
  registrar_.reset();
  const auto registered = PluginRegistrar::register_client(library, "spark:Provisioner", "spark:Client", "");
  ASSERT_FALSE(registered);
  EXPECT_THAT(registered.error().message, HasSubstr("the server is stopping"));
}

TEST_F(PluginRegistrarTest, a_library_without_a_table_of_its_own_registers_nothing) {
  EXPECT_TRUE(PluginRegistrar::register_client(nullptr, "spark:Provisioner", "spark:Client", ""));
  EXPECT_THAT(registry_.registered_mappings(), IsEmpty());
}

TEST_F(PluginRegistrarTest, a_plugin_that_is_loaded_again_has_the_same_table) {
  EXPECT_EQ(&registrar_->host_for(manifest_, nk_host{}), &registrar_->host_for(manifest_, nk_host{}));
  PluginManifest other;
  EXPECT_NE(&registrar_->host_for(other, nk_host{}), &registrar_->host_for(manifest_, nk_host{}));
}

}  // namespace
}  // namespace nextgen_kernels
