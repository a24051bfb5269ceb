#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "registry/kernel_client_registry.h"

namespace nextgen_kernels {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

ClassDeclaration provisioner(const ClassReference& reference, std::string_view version,
                             std::vector<ClassReference> bases = {}) {
  ClassDeclaration declaration{
      .reference = reference, .kind = ClassKind::provisioner, .bases = std::move(bases)};
  if (!version.empty()) declaration.version = Version::parse(version).value();
  return declaration;
}

ClassDeclaration client(const ClassReference& reference, std::string_view provisioner_versions) {
  ClassDeclaration declaration{.reference = reference, .kind = ClassKind::client};
  if (!provisioner_versions.empty())
    declaration.provisioner_versions = VersionRange::parse(provisioner_versions).value();
  return declaration;
}

TEST(RegistryVersions, a_range_that_is_not_met_is_refused_at_registration) {
  KernelClientRegistry registry;
  ASSERT_TRUE(registry.define_class(provisioner("p:P"_class, "1.4")));
  ASSERT_TRUE(registry.define_class(client("c:C"_class, ">=2")));
  const auto registered = registry.register_client("p:P"_class, "c:C"_class);
  ASSERT_FALSE(registered);
  EXPECT_THAT(registered.error().message,
              HasSubstr("client c:C understands versions >=2 of provisioner p:P, which is version 1.4"));
  EXPECT_THAT(registry.registered_mappings(), IsEmpty());
}

TEST(RegistryVersions, a_range_that_is_met_is_accepted_and_shown) {
  KernelClientRegistry registry;
  ASSERT_TRUE(registry.define_class(provisioner("p:P"_class, "1.4")));
  ASSERT_TRUE(registry.define_class(client("c:C"_class, ">=1,<2")));
  ASSERT_TRUE(registry.register_client("p:P"_class, "c:C"_class));
  const auto info = registry.registered_mappings().at(0);
  EXPECT_EQ(info.provisioner_version, "1.4");
  EXPECT_EQ(info.client_version, std::nullopt);
  EXPECT_EQ(info.understood_provisioner_versions, ">=1,<2");
}

TEST(RegistryVersions, versions_that_become_known_later_refuse_the_start_in_words) {
  KernelClientRegistry registry;
  ASSERT_TRUE(registry.register_client("p:P"_class, "c:C"_class));
  EXPECT_TRUE(registry.get_client_for_provisioner("p:P"_class)->client.has_value());
  ASSERT_TRUE(registry.define_class(provisioner("p:P"_class, "1.4")));
  ASSERT_TRUE(registry.define_class(client("c:C"_class, ">=2")));
  const auto resolution = registry.get_client_for_provisioner("p:P"_class);
  EXPECT_EQ(resolution->client, std::nullopt);
  EXPECT_EQ(resolution->matched_by, MatchedBy::exact);
  EXPECT_THAT(resolution->refusal, AllOf(HasSubstr(">=2"), HasSubstr("1.4")));
  EXPECT_THAT(resolution->steps, Contains(HasSubstr("cannot be used")));
  EXPECT_EQ(registry.registered_mappings().at(0).state, MappingInfo::State::failed);
  EXPECT_EQ(registry.problems().size(), 1);
}

TEST(RegistryVersions, an_entry_point_that_does_not_fit_is_listed_as_failed_and_refuses_the_start) {
  KernelClientRegistry registry;
  ASSERT_TRUE(registry.define_class(provisioner("p:P"_class, "1.4")));
  ASSERT_TRUE(registry.define_class(client("c:C"_class, ">=2")));
  const EntryPoint entry_point{.name = "p:P", .value = "c:C", .distribution = "new-client 2.0"};
  EXPECT_EQ(registry.auto_discover_registrations(std::vector{entry_point}).size(), 1);
  EXPECT_EQ(registry.registered_mappings().at(0).state, MappingInfo::State::failed);
  EXPECT_THAT(registry.get_client_for_provisioner("p:P"_class)->refusal, HasSubstr("which is version 1.4"));
}

TEST(RegistryVersions, the_range_of_a_mapping_goes_before_that_of_its_client) {
  KernelClientRegistry registry;
  ASSERT_TRUE(registry.define_class(provisioner("p:P"_class, "1.4")));
  ASSERT_TRUE(registry.define_class(client("c:C"_class, ">=2")));
  EXPECT_TRUE(registry.register_client("p:P"_class, "c:C"_class,
                                       {.provisioner_versions = VersionRange::parse(">=1").value()}));
}

TEST(RegistryVersions, a_derived_provisioner_is_checked_by_the_version_of_the_mapped_class) {
  KernelClientRegistry registry;
  ASSERT_TRUE(registry.define_class(provisioner("p:Base"_class, "2.1")));
  ASSERT_TRUE(registry.define_class(provisioner("p:Leaf"_class, "0.1", {"p:Base"_class})));
  ASSERT_TRUE(registry.define_class(client("c:C"_class, ">=2")));
  ASSERT_TRUE(registry.register_client("p:Base"_class, "c:C"_class));
  EXPECT_EQ(registry.get_client_for_provisioner("p:Leaf"_class)->client, ClassReference("c:C"));
}

TEST(RegistryVersions, connection_info_contracts_are_compared_with_inheritance) {
  KernelClientRegistry registry;
  auto base = provisioner("p:Base"_class, "");
  base.produces = {ConnectionContract::parse("jupyter-zmq 5.3").value()};
  auto gateway = provisioner("p:Gateway"_class, "", {"p:Base"_class});
  gateway.produces = {ConnectionContract::parse("gateway 1").value()};
  auto zmq = client("c:Zmq"_class, "");
  zmq.understands = {UnderstoodContract::parse("jupyter-zmq >=5,<6").value()};
  auto derived = client("c:DerivedZmq"_class, "");
  derived.bases = {"c:Zmq"_class};
  ASSERT_THAT(registry.define_classes(
                  {base, provisioner("p:Leaf"_class, "", {"p:Base"_class}), gateway, zmq, derived}),
              IsEmpty());

  ASSERT_TRUE(registry.register_client("p:Base"_class, "c:DerivedZmq"_class));
  EXPECT_TRUE(registry.get_client_for_provisioner("p:Leaf"_class)->client.has_value());
  EXPECT_THAT(
      registry.register_client("p:Gateway"_class, "c:DerivedZmq"_class).error().message,
      HasSubstr(
          "produces connection info gateway 1, and client c:DerivedZmq understands jupyter-zmq >=5,<6"));
  EXPECT_THAT(registry.get_client_for_provisioner("p:Gateway"_class)->refusal, HasSubstr("gateway 1"))
      << "the mapping of its base is not for what it produces";
}

TEST(RegistryVersions, the_fallback_is_refused_when_it_does_not_understand_the_contract) {
  KernelClientRegistry registry;
  auto gateway = provisioner("p:Gateway"_class, "");
  gateway.produces = {ConnectionContract::parse("gateway 1").value()};
  auto fallback = client(default_fallback_client, "");
  fallback.understands = {UnderstoodContract::parse("jupyter-zmq").value()};
  ASSERT_THAT(registry.define_classes({gateway, fallback}), IsEmpty());
  const auto resolution = registry.get_client_for_provisioner("p:Gateway"_class);
  EXPECT_EQ(resolution->matched_by, MatchedBy::fallback);
  EXPECT_EQ(resolution->client, std::nullopt);
  EXPECT_THAT(resolution->refusal, HasSubstr("jupyter-zmq"));
}

TEST(RegistryVersions, a_client_that_failed_to_load_refuses_until_it_is_loaded) {
  KernelClientRegistry registry;
  ASSERT_TRUE(registry.register_client("p:P"_class, "c:C"_class));
  registry.mark_failed("c:C"_class, "undefined symbol: f");
  auto info = registry.registered_mappings().at(0);
  EXPECT_EQ(info.state, MappingInfo::State::failed);
  EXPECT_EQ(info.reason, "undefined symbol: f");
  EXPECT_THAT(registry.get_client_for_provisioner("p:P"_class)->refusal,
              HasSubstr("failed to load: undefined symbol: f"));
  EXPECT_THAT(registry.problems().at(0).message, HasSubstr("undefined symbol: f"));

  registry.reset_load_state("c:C"_class);
  EXPECT_EQ(registry.registered_mappings().at(0).state, MappingInfo::State::declared);
  registry.mark_loaded("c:C"_class);
  EXPECT_EQ(registry.registered_mappings().at(0).state, MappingInfo::State::loaded);
  EXPECT_TRUE(registry.get_client_for_provisioner("p:P"_class)->client.has_value());
  EXPECT_EQ(to_string(registry.registered_mappings().at(0).state), "loaded");
}

TEST(RegistryVersions, a_client_that_is_unavailable_refuses_with_the_reason_and_stays_declared) {
  KernelClientRegistry registry;
  ASSERT_TRUE(registry.register_client("p:P"_class, "c:C"_class));
  registry.set_unavailable("c:C"_class, "its class is Python");
  const auto info = registry.registered_mappings().at(0);
  EXPECT_EQ(info.state, MappingInfo::State::declared);
  EXPECT_EQ(info.reason, "its class is Python");
  const auto resolution = registry.get_client_for_provisioner("p:P"_class);
  EXPECT_FALSE(resolution->client);
  EXPECT_EQ(resolution->refusal, "client c:C cannot be used: its class is Python");
  EXPECT_THAT(registry.problems().at(0).message, HasSubstr("its class is Python"));

  registry.set_unavailable("c:C"_class, "");
  EXPECT_TRUE(registry.get_client_for_provisioner("p:P"_class)->client.has_value());
  EXPECT_TRUE(registry.problems().empty());

  registry.set_unavailable(default_fallback_client, "not here");
  EXPECT_THAT(registry.get_client_for_provisioner("p:Other"_class)->refusal, HasSubstr("not here"));
  EXPECT_EQ(registry.problems().at(0).subject, "KernelClientRegistry.fallback_client_class");
}

TEST(RegistryVersions, a_fallback_that_failed_to_load_is_refused) {
  KernelClientRegistry registry;
  registry.mark_failed(default_fallback_client, "not built");
  EXPECT_THAT(registry.get_client_for_provisioner("p:P"_class)->refusal, HasSubstr("not built"));
}

}  // namespace
}  // namespace nextgen_kernels
