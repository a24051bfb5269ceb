#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/builtin_classes.h"
#include "clients/zmq/jupyter_server_kernel_client.h"
#include "provisioners/local/local_provisioner.h"

namespace nextgen_kernels {
namespace {

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

}  // namespace
}  // namespace nextgen_kernels
