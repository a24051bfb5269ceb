#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/builtin_classes.h"
#include "clients/zmq/jupyter_server_kernel_client.h"

namespace nextgen_kernels {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class RegistryWiringTest : public testing::Test {
 protected:
  RegistryWiringTest() {
    const auto registered = register_builtin_classes(registry_, provisioners_);
    EXPECT_TRUE(registered) << registered.error().message;
  }

  KernelClientRegistry registry_;
  KernelProvisionerFactory provisioners_;
};

TEST_F(RegistryWiringTest, the_local_provisioner_resolves_to_the_shared_client_by_a_registration) {
  const auto resolution =
      registry_.get_client_for_provisioner(*ClassReference::parse(LocalProvisioner::reference));
  ASSERT_TRUE(resolution->client);
  EXPECT_EQ(resolution->client->to_string(), JupyterServerKernelClient::reference);
  EXPECT_EQ(to_string(resolution->matched_by), "exact");
}

TEST_F(RegistryWiringTest, an_unknown_provisioner_resolves_to_the_fallback) {
  const auto resolution =
      registry_.get_client_for_provisioner(*ClassReference::parse("elsewhere:Provisioner"));
  ASSERT_TRUE(resolution->client);
  EXPECT_EQ(resolution->client->to_string(), JupyterServerKernelClient::reference);
  EXPECT_EQ(to_string(resolution->matched_by), "fallback");
}

TEST_F(RegistryWiringTest, a_class_derived_from_the_local_provisioner_gets_its_client) {
  const auto derived = *ClassReference::parse("mine:Provisioner");
  ASSERT_TRUE(registry_.define_class({.reference = derived,
                                      .kind = ClassKind::provisioner,
                                      .bases = {*ClassReference::parse(LocalProvisioner::reference)}}));
  EXPECT_EQ(to_string(registry_.get_client_for_provisioner(derived)->matched_by), "base");
}

TEST_F(RegistryWiringTest,
       a_kernel_spec_without_a_provisioner_can_be_started_and_one_with_an_unknown_cannot) {
  KernelSpec spec;
  EXPECT_TRUE(check_provisioner(provisioners_, spec));
  spec.provisioner.name = "spark-provisioner";
  const auto checked = check_provisioner(provisioners_, spec);
  ASSERT_FALSE(checked);
  EXPECT_THAT(checked.error().message, AllOf(HasSubstr("spark-provisioner"), HasSubstr("local-provisioner")));
}

TEST_F(RegistryWiringTest, a_provisioner_is_not_made_with_a_config_that_it_does_not_take) {
  KernelSpec spec;
  spec.provisioner.config = {{"memory", "2G"}};
  const auto checked = check_provisioner(provisioners_, spec);
  ASSERT_FALSE(checked);
  EXPECT_THAT(checked.error().message, HasSubstr("local-provisioner has no option \"memory\""));
}

}  // namespace
}  // namespace nextgen_kernels
