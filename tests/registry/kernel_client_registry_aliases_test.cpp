#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "registry/kernel_client_registry.h"

namespace nextgen_kernels {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

// As a Python package has them: defined in one module, imported by another.
const ClassReference provisioner = "spark.provisioners.impl:Provisioner"_class;
const ClassReference provisioner_alias = "spark:Provisioner"_class;
const ClassReference client = "spark.clients.impl:Client"_class;
const ClassReference client_alias = "spark:Client"_class;

void declare(KernelClientRegistry& registry) {
  ASSERT_THAT(
      registry.define_classes(
          {{.reference = provisioner,
            .kind = ClassKind::provisioner,
            .aliases = {provisioner_alias},
            .source = "test"},
           {.reference = client, .kind = ClassKind::client, .aliases = {client_alias}, .source = "test"}}),
      IsEmpty());
}

TEST(RegistryAliases, a_mapping_by_aliases_is_one_of_the_classes) {
  KernelClientRegistry registry;
  declare(registry);
  ASSERT_TRUE(registry.register_from_string("spark.Provisioner", "spark:Client"));
  EXPECT_THAT(registry.get_registered_mappings(),
              ElementsAre(Pair(provisioner.to_string(), client.to_string())));
  const auto mapping = registry.registered_mappings().at(0).mapping;
  EXPECT_EQ(mapping->provisioner_alias, provisioner_alias);
  EXPECT_EQ(mapping->client_alias, client_alias);
  for (const auto& name : {provisioner, provisioner_alias}) {
    const auto resolution = registry.get_client_for_provisioner(name);
    EXPECT_EQ(resolution->client, client);
    EXPECT_EQ(resolution->matched_by, MatchedBy::exact);
    EXPECT_EQ(resolution->provisioner, provisioner);
    EXPECT_THAT(resolution->steps, Contains(HasSubstr("(there called spark:Provisioner)")));
  }
  EXPECT_THAT(registry.get_client_for_provisioner(provisioner_alias)->steps,
              Contains("spark:Provisioner is another name of class spark.provisioners.impl:Provisioner."));
}

TEST(RegistryAliases, an_answer_for_an_alias_is_kept_too) {
  KernelClientRegistry registry;
  declare(registry);
  EXPECT_EQ(registry.get_client_for_provisioner(provisioner_alias),
            registry.get_client_for_provisioner(provisioner_alias));
}

TEST(RegistryAliases, aliases_that_become_known_later_count_for_what_was_registered) {
  KernelClientRegistry registry;
  ASSERT_TRUE(registry.register_client(provisioner_alias, client_alias));
  ASSERT_TRUE(registry.set_fallback_client(client_alias));
  registry.set_unavailable(client_alias, "no reason");
  registry.mark_failed(client_alias, "missing symbol");
  EXPECT_EQ(registry.get_client_for_provisioner(provisioner)->matched_by, MatchedBy::fallback);

  declare(registry);
  EXPECT_EQ(registry.fallback_client_class(), client);
  const auto failed = registry.get_client_for_provisioner(provisioner);
  EXPECT_EQ(failed->matched_by, MatchedBy::exact);
  EXPECT_THAT(failed->refusal, HasSubstr("missing symbol"));
  registry.mark_loaded(client);
  EXPECT_THAT(registry.get_client_for_provisioner(provisioner)->refusal, HasSubstr("no reason"));
  registry.set_unavailable(client, "");
  EXPECT_EQ(registry.get_client_for_provisioner(provisioner)->client, client);
}

TEST(RegistryAliases, one_class_by_two_names_is_a_conflict_of_its_mappings) {
  KernelClientRegistry registry;
  declare(registry);
  registry.apply_config_mappings(
      {{provisioner.to_string(), "one:Client"}, {provisioner_alias.to_string(), "another:Client"}});
  const auto conflicts = registry.conflicts();
  ASSERT_THAT(conflicts, SizeIs(1));
  EXPECT_THAT(conflicts[0].message, AllOf(HasSubstr("one:Client"), HasSubstr("another:Client")));
}

TEST(RegistryAliases, registering_by_the_other_name_replaces) {
  KernelClientRegistry registry;
  declare(registry);
  ASSERT_TRUE(registry.register_client(provisioner, client));
  ASSERT_TRUE(registry.register_client(provisioner_alias, client_alias));
  EXPECT_THAT(registry.registered_mappings(), SizeIs(1));
  EXPECT_THAT(registry.conflicts(), IsEmpty()) << "it is the same client";
  EXPECT_EQ(registry.unregister(provisioner_alias), 1);
}

TEST(RegistryAliases, a_derived_class_names_its_base_by_an_alias) {
  KernelClientRegistry registry;
  ASSERT_TRUE(registry.define_class({.reference = "mine:Provisioner"_class,
                                     .kind = ClassKind::provisioner,
                                     .bases = {provisioner_alias},
                                     .source = "test"}));
  declare(registry);
  ASSERT_TRUE(registry.register_client(provisioner, client));
  const auto resolution = registry.get_client_for_provisioner("mine:Provisioner"_class);
  EXPECT_EQ(resolution->matched_by, MatchedBy::base);
  EXPECT_EQ(resolution->client, client);
}

TEST(RegistryAliases, an_alias_of_the_wrong_kind_is_refused_like_its_class) {
  KernelClientRegistry registry;
  declare(registry);
  const auto registered = registry.register_client(client_alias, provisioner_alias);
  ASSERT_FALSE(registered);
  EXPECT_THAT(registered.error().message,
              HasSubstr("spark.clients.impl:Client is declared as a kernel client"));
}

}  // namespace
}  // namespace nextgen_kernels
