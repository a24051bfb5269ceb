#include "registry/kernel_client_registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "log_capture.h"

namespace nextgen_kernels {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

void define(KernelClientRegistry& registry, const ClassReference& reference,
            std::vector<ClassReference> bases = {}) {
  ASSERT_TRUE(registry.define_class(
      {.reference = reference, .kind = ClassKind::provisioner, .bases = std::move(bases), .source = "test"}));
}

std::string client_of(const KernelClientRegistry& registry, const ClassReference& provisioner,
                      const KernelContext& context = {}) {
  const auto resolution = registry.get_client_for_provisioner(provisioner, context);
  return resolution->client ? resolution->client->to_string() : "";
}

TEST(KernelClientRegistry, exact_class_goes_before_its_bases) {
  KernelClientRegistry registry;
  define(registry, "p:Leaf"_class, {"p:Base"_class});
  ASSERT_TRUE(registry.register_client("p:Base"_class, "c:Base"_class));
  ASSERT_TRUE(registry.register_client("p:Leaf"_class, "c:Leaf"_class));
  const auto resolution = registry.get_client_for_provisioner("p:Leaf"_class);
  EXPECT_EQ(resolution->client, ClassReference("c:Leaf"));
  EXPECT_EQ(resolution->matched_by, MatchedBy::exact);
  EXPECT_EQ(to_string(resolution->matched_by), "exact");
}

TEST(KernelClientRegistry, the_nearest_base_is_used_whatever_the_order_of_registration) {
  KernelClientRegistry registry;
  define(registry, "p:Leaf"_class, {"p:Mid"_class});
  define(registry, "p:Mid"_class, {"p:Base"_class});
  ASSERT_TRUE(registry.register_client("p:Base"_class, "c:Base"_class));  // First, and further.
  ASSERT_TRUE(registry.register_client("p:Mid"_class, "c:Mid"_class));
  const auto resolution = registry.get_client_for_provisioner("p:Leaf"_class);
  EXPECT_EQ(resolution->client, ClassReference("c:Mid"));
  EXPECT_EQ(resolution->matched_by, MatchedBy::base);
  EXPECT_EQ(resolution->mapping->provisioner, ClassReference("p:Mid"));
}

TEST(KernelClientRegistry, a_diamond_follows_the_linearization) {
  KernelClientRegistry registry;
  define(registry, "p:D"_class, {"p:B"_class, "p:C"_class});
  define(registry, "p:B"_class, {"p:A"_class});
  define(registry, "p:C"_class, {"p:A"_class});
  ASSERT_TRUE(registry.register_client("p:A"_class, "c:A"_class));
  EXPECT_EQ(client_of(registry, "p:D"_class), "c:A");
  ASSERT_TRUE(registry.register_client("p:C"_class, "c:C"_class));
  EXPECT_EQ(client_of(registry, "p:D"_class), "c:C");
  ASSERT_TRUE(registry.register_client("p:B"_class, "c:B"_class));
  EXPECT_EQ(client_of(registry, "p:D"_class), "c:B");
}

TEST(KernelClientRegistry, bases_that_are_declared_after_the_first_answer_count) {
  KernelClientRegistry registry;
  ASSERT_TRUE(registry.register_client("p:Base"_class, "c:Base"_class));
  EXPECT_EQ(registry.get_client_for_provisioner("p:Leaf"_class)->matched_by, MatchedBy::fallback);
  define(registry, "p:Leaf"_class, {"p:Base"_class});
  EXPECT_EQ(client_of(registry, "p:Leaf"_class), "c:Base");
}

TEST(KernelClientRegistry, an_inconsistent_hierarchy_is_looked_up_by_its_own_class_only) {
  const LogCapture log;
  KernelClientRegistry registry;
  define(registry, "p:B"_class, {"p:A"_class});
  const auto defined = registry.define_class({.reference = "p:Bad"_class,
                                              .kind = ClassKind::provisioner,
                                              .bases = {"p:A"_class, "p:B"_class},
                                              .source = "plugin bad 1.0"});
  ASSERT_FALSE(defined);
  EXPECT_THAT(log.text(), HasSubstr("class p:Bad cannot be put in one order"));
  ASSERT_TRUE(registry.register_client("p:A"_class, "c:A"_class));
  const auto resolution = registry.get_client_for_provisioner("p:Bad"_class);
  EXPECT_EQ(resolution->matched_by, MatchedBy::fallback);
  EXPECT_THAT(resolution->steps, Contains(HasSubstr("cannot be put in one order")));
  ASSERT_EQ(registry.problems().size(), 1);
  EXPECT_EQ(registry.problems()[0].source, "plugin bad 1.0");
}

TEST(KernelClientRegistry, a_base_that_breaks_an_earlier_class_is_logged) {
  const LogCapture log;
  KernelClientRegistry registry;
  define(registry, "p:Bad"_class, {"p:A"_class, "p:B"_class});
  define(registry, "p:B"_class, {"p:A"_class});
  EXPECT_THAT(log.text(), HasSubstr("class p:Bad cannot be put in one order"));
}

TEST(KernelClientRegistry, an_unknown_provisioner_gets_the_fallback) {
  KernelClientRegistry registry;
  const auto resolution = registry.get_client_for_provisioner("nowhere:Provisioner"_class);
  EXPECT_EQ(resolution->client->qualified_name(), "JupyterServerKernelClient");
  EXPECT_EQ(resolution->matched_by, MatchedBy::fallback);
  EXPECT_EQ(resolution->source, "default");
  EXPECT_EQ(resolution->mapping, nullptr);
}

TEST(KernelClientRegistry, the_configured_fallback_goes_before_that_of_a_program) {
  const LogCapture log;
  KernelClientRegistry registry;
  ASSERT_TRUE(registry.set_fallback_client("c:Program"_class));
  EXPECT_EQ(registry.fallback_client_class(), ClassReference("c:Program"));
  ASSERT_TRUE(registry.set_fallback_client("c:Configured"_class, Precedence::configuration));
  ASSERT_TRUE(registry.set_fallback_client("c:Late"_class));
  EXPECT_THAT(log.text(), HasSubstr("the fallback client stays c:Configured (configuration)"));
  EXPECT_EQ(registry.get_client_for_provisioner("p:P"_class)->source, "configuration");
  registry.remove_fallback_client(Precedence::configuration);
  EXPECT_EQ(client_of(registry, "p:P"_class), "c:Late");
}

TEST(KernelClientRegistry, without_a_fallback_there_is_nothing) {
  KernelClientRegistry registry;
  registry.remove_fallback_client();
  const auto resolution = registry.get_client_for_provisioner("p:P"_class);
  EXPECT_EQ(resolution->client, std::nullopt);
  EXPECT_EQ(resolution->matched_by, MatchedBy::none);
  EXPECT_THAT(resolution->steps, Contains("No mapping applies, and there is no fallback client."));
  EXPECT_EQ(registry.fallback_client_class(), std::nullopt);
}

TEST(KernelClientRegistry, strings_of_either_form_register_lazily) {
  KernelClientRegistry registry;
  ASSERT_TRUE(registry.register_from_string("pkg.prov:Provisioner", "pkg.client.Client"));
  ASSERT_TRUE(registry.register_from_string("pkg.prov.Other", "pkg.client:Client"));
  EXPECT_THAT(registry.get_registered_mappings(),
              ElementsAre(Pair("pkg.prov:Other", "pkg.client:Client"),
                          Pair("pkg.prov:Provisioner", "pkg.client:Client")));
  EXPECT_EQ(client_of(registry, "pkg.prov.Provisioner"_class), "pkg.client:Client");
  EXPECT_EQ(registry.registered_mappings()[0].state, MappingInfo::State::declared);
}

TEST(KernelClientRegistry, a_string_of_neither_form_is_refused_and_changes_nothing) {
  KernelClientRegistry registry;
  EXPECT_THAT(registry.register_from_string("Provisioner", "pkg:Client").error().message,
              HasSubstr("for example"));
  EXPECT_THAT(registry.register_from_string("pkg:Provisioner", "a:b:c").error().message,
              HasSubstr("for example"));
  EXPECT_THAT(registry.get_registered_mappings(), IsEmpty());
}

TEST(KernelClientRegistry, classes_in_the_wrong_places_are_refused) {
  KernelClientRegistry registry;
  define(registry, "p:P"_class);
  ASSERT_TRUE(registry.define_class({.reference = "c:C"_class, .kind = ClassKind::client}));
  const auto swapped = registry.register_client("c:C"_class, "p:P"_class);
  ASSERT_FALSE(swapped);
  EXPECT_THAT(swapped.error().message, HasSubstr("c:C is declared as a kernel client, not as a provisioner"));
}

TEST(KernelClientRegistry, a_listener_is_neither_a_client_nor_a_provisioner) {
  KernelClientRegistry registry;
  ASSERT_TRUE(registry.define_class({.reference = "l:L"_class, .kind = ClassKind::listener}));
  const auto as_client = registry.register_client("p:P"_class, "l:L"_class);
  ASSERT_FALSE(as_client);
  EXPECT_THAT(as_client.error().message, HasSubstr("l:L is declared as a listener, not as a kernel client"));
  const auto as_provisioner = registry.register_client("l:L"_class, "c:C"_class);
  ASSERT_FALSE(as_provisioner);
  EXPECT_THAT(as_provisioner.error().message, HasSubstr("l:L is declared as a listener, not as a provisio"));
}

TEST(KernelClientRegistry, only_a_client_can_be_the_fallback_client) {
  KernelClientRegistry registry;
  define(registry, "p:P"_class);
  ASSERT_TRUE(registry.define_class({.reference = "l:L"_class, .kind = ClassKind::listener}));
  for (const auto precedence : {Precedence::configuration, Precedence::programmatic})
    for (const ClassReference reference : {"p:P"_class, "l:L"_class}) {
      const auto set = registry.set_fallback_client(reference, precedence);
      ASSERT_FALSE(set);
      EXPECT_EQ(set.error().code, ErrorCode::invalid_argument);
      EXPECT_THAT(set.error().message, HasSubstr("not as a kernel client; the fallback client serves"));
    }
  EXPECT_EQ(registry.fallback_client_class(), ClassReference(default_fallback_client)) << "it stays";
}

TEST(KernelClientRegistry, a_class_that_turns_out_to_be_no_client_serves_no_kernel) {
  KernelClientRegistry registry;
  ASSERT_TRUE(registry.register_client("p:Mapped"_class, "late:Listener"_class));
  ASSERT_TRUE(registry.set_fallback_client("late:Provisioner"_class));
  ASSERT_EQ(client_of(registry, "p:Mapped"_class), "late:Listener");
  ASSERT_TRUE(registry.define_class({.reference = "late:Listener"_class, .kind = ClassKind::listener}));
  define(registry, "late:Provisioner"_class);
  for (const ClassReference provisioner : {"p:Mapped"_class, "p:Other"_class}) {
    const auto resolution = registry.get_client_for_provisioner(provisioner);
    EXPECT_FALSE(resolution->client);
    EXPECT_THAT(resolution->refusal, HasSubstr("not as a kernel client"));
  }
  EXPECT_EQ(registry.registered_mappings()[0].state, MappingInfo::State::failed);
  EXPECT_THAT(registry.problems(), SizeIs(2));
}

TEST(KernelClientRegistry, a_later_programmatic_registration_replaces_and_says_so) {
  const LogCapture log;
  KernelClientRegistry registry;
  ASSERT_TRUE(registry.register_client("p:P"_class, "c:One"_class, {.source = "package one"}));
  ASSERT_TRUE(registry.register_client("p:P"_class, "c:Two"_class, {.source = "package two"}));
  EXPECT_EQ(client_of(registry, "p:P"_class), "c:Two");
  EXPECT_THAT(log.text(),
              AllOf(HasSubstr("warning"), HasSubstr("c:Two (programmatic, package two), replacing c:One "
                                                    "(programmatic, package one)")));
  ASSERT_EQ(registry.conflicts().size(), 1);
  EXPECT_EQ(registry.conflicts()[0].used->client, ClassReference("c:Two"));
  EXPECT_EQ(registry.conflicts()[0].unused[0]->client, ClassReference("c:One"));
  EXPECT_THAT(registry.conflicts()[0].message, AllOf(HasSubstr("package one"), HasSubstr("package two")));
  EXPECT_EQ(registry.registered_mappings().size(), 1);
}

TEST(KernelClientRegistry, replacing_again_and_again_does_not_grow) {
  KernelClientRegistry registry;
  for (const auto* client : {"c:A", "c:B", "c:C"}) ASSERT_TRUE(registry.register_from_string("p:P", client));
  EXPECT_EQ(registry.conflicts()[0].unused[0]->replaced, nullptr);
}

TEST(KernelClientRegistry, registering_the_same_again_is_no_conflict) {
  const LogCapture log;
  KernelClientRegistry registry;
  ASSERT_TRUE(registry.register_client("p:P"_class, "c:C"_class));
  ASSERT_TRUE(registry.register_client("p.P"_class, "c.C"_class));
  EXPECT_THAT(registry.conflicts(), IsEmpty());
  EXPECT_THAT(log.text(), testing::Not(HasSubstr("warning")));
  EXPECT_EQ(registry.registered_mappings().size(), 1);
}

TEST(KernelClientRegistry, unregister_ends_one_mapping) {
  KernelClientRegistry registry;
  const auto id = registry.register_client("p:P"_class, "c:C"_class).value();
  ASSERT_TRUE(registry.unregister(id));
  EXPECT_EQ(registry.get_client_for_provisioner("p:P"_class)->matched_by, MatchedBy::fallback);
  EXPECT_EQ(registry.unregister(id).error().code, ErrorCode::not_found);
}

TEST(KernelClientRegistry, unregistering_a_provisioner_ends_its_programmatic_mappings) {
  KernelClientRegistry registry;
  ASSERT_TRUE(registry.register_client("p:P"_class, "c:C"_class));
  ASSERT_TRUE(registry.register_client("p:P"_class, "c:R"_class, {.criteria = {.languages = {"r"}}}));
  registry.apply_config_mappings({{"p:P", "c:Configured"}});
  EXPECT_EQ(registry.unregister(ClassReference("p:P")), 2);
  EXPECT_EQ(client_of(registry, "p:P"_class), "c:Configured");
}

TEST(KernelClientRegistry, a_scoped_registration_ends_with_its_handle) {
  KernelClientRegistry registry;
  {
    const auto registration = registry.register_scoped("p:P"_class, "c:C"_class).value();
    EXPECT_EQ(client_of(registry, "p:P"_class), "c:C");
  }
  EXPECT_THAT(registry.registered_mappings(), IsEmpty());
}

TEST(KernelClientRegistry, a_handle_does_not_end_the_mapping_that_replaced_its_own) {
  KernelClientRegistry registry;
  {
    const auto registration = registry.register_scoped("p:P"_class, "c:One"_class).value();
    ASSERT_TRUE(registry.register_client("p:P"_class, "c:Two"_class));
  }
  EXPECT_EQ(client_of(registry, "p:P"_class), "c:Two");
}

TEST(KernelClientRegistry, a_handle_can_be_moved_released_and_outlive_the_registry) {
  auto registry = std::make_unique<KernelClientRegistry>();
  auto one = registry->register_scoped("p:One"_class, "c:C"_class).value();
  auto two = registry->register_scoped("p:Two"_class, "c:C"_class).value();
  one = std::move(two);
  EXPECT_THAT(registry->get_registered_mappings(), ElementsAre(Pair("p:Two", "c:C")));
  auto three = registry->register_scoped("p:Three"_class, "c:C"_class).value();
  three.release();
  three.end();
  EXPECT_EQ(registry->registered_mappings().size(), 2);
  registry.reset();
  one.end();
}

TEST(KernelClientRegistry, criteria_choose_among_several_clients) {
  KernelClientRegistry registry;
  ASSERT_TRUE(registry.register_client("p:P"_class, "c:Every"_class));
  ASSERT_TRUE(registry.register_client("p:P"_class, "c:R"_class, {.criteria = {.languages = {"R"}}}));
  ASSERT_TRUE(registry.register_client("p:P"_class, "c:Document"_class,
                                       {.criteria = {.kernel_clients = {"document"}}, .priority = 5}));
  EXPECT_EQ(client_of(registry, "p:P"_class), "c:Every");
  EXPECT_EQ(client_of(registry, "p:P"_class, {.language = "r"}), "c:R");
  EXPECT_EQ(client_of(registry, "p:P"_class, {.language = "r", .kernel_client = "document"}), "c:Document");
  EXPECT_EQ(client_of(registry, "p:P"_class, {.kernel_name = "python3", .language = "python"}), "c:Every");
  EXPECT_THAT(registry.conflicts(), IsEmpty());
}

TEST(KernelClientRegistry, a_class_whose_criteria_do_not_apply_leaves_it_to_its_base) {
  KernelClientRegistry registry;
  define(registry, "p:Leaf"_class, {"p:Base"_class});
  ASSERT_TRUE(registry.register_client("p:Base"_class, "c:Base"_class));
  ASSERT_TRUE(
      registry.register_client("p:Leaf"_class, "c:Gpu"_class, {.criteria = {.labels = {{"tier", "gpu"}}}}));
  EXPECT_EQ(client_of(registry, "p:Leaf"_class, {.labels = {{"tier", "gpu"}}}), "c:Gpu");
  const auto resolution = registry.get_client_for_provisioner("p:Leaf"_class, {.labels = {{"tier", "cpu"}}});
  EXPECT_EQ(resolution->client, ClassReference("c:Base"));
  EXPECT_THAT(resolution->steps, Contains(HasSubstr("label tier=gpu, which this kernel is not")));
}

TEST(KernelClientRegistry, criteria_that_overlap_at_one_priority_are_a_conflict) {
  const LogCapture log;
  KernelClientRegistry registry;
  ASSERT_TRUE(registry.register_client("p:P"_class, "c:Name"_class,
                                       {.criteria = {.kernel_names = {"ir"}}, .source = "one"}));
  ASSERT_TRUE(registry.register_client("p:P"_class, "c:Language"_class,
                                       {.criteria = {.languages = {"r"}}, .source = "two"}));
  EXPECT_THAT(log.text(), HasSubstr("for some of the same kernels"));
  ASSERT_EQ(registry.conflicts().size(), 1);
  EXPECT_EQ(registry.conflicts()[0].used->client, ClassReference("c:Language"));
  EXPECT_EQ(client_of(registry, "p:P"_class, {.kernel_name = "ir", .language = "r"}), "c:Language");
  EXPECT_EQ(client_of(registry, "p:P"_class, {.kernel_name = "ir"}), "c:Name");
}

TEST(KernelClientRegistry, criteria_that_cannot_both_hold_are_no_conflict) {
  KernelClientRegistry registry;
  ASSERT_TRUE(registry.register_client("p:P"_class, "c:A"_class, {.criteria = {.languages = {"r"}}}));
  ASSERT_TRUE(registry.register_client("p:P"_class, "c:B"_class, {.criteria = {.languages = {"julia"}}}));
  EXPECT_THAT(registry.conflicts(), IsEmpty());
}

TEST(KernelClientRegistry, an_answer_carries_the_steps_that_led_to_it) {
  KernelClientRegistry registry;
  define(registry, "p:Leaf"_class, {"p:Mid"_class});
  define(registry, "p:Mid"_class, {"p:Base"_class});
  ASSERT_TRUE(registry.register_client("p:Base"_class, "c:Base"_class, {.source = "package base"}));
  EXPECT_THAT(registry.get_client_for_provisioner("p:Leaf"_class)->steps,
              ElementsAre("Provisioner classes are looked up nearest first: p:Leaf, p:Mid, p:Base.",
                          "p:Leaf has no mapping.", "p:Mid has no mapping.",
                          "p:Base is mapped to c:Base (programmatic, package base) for every kernel."));
}

TEST(KernelClientRegistry, an_answer_is_kept_until_something_changes) {
  KernelClientRegistry registry;
  ASSERT_TRUE(registry.register_client("p:P"_class, "c:C"_class));
  const auto first = registry.get_client_for_provisioner("p:P"_class);
  EXPECT_EQ(registry.get_client_for_provisioner("p:P"_class), first);
  EXPECT_EQ(registry.get_client_for_provisioner("p:P"_class, {.kernel_name = "python3"}), first);
  ASSERT_TRUE(registry.register_client("p:P"_class, "c:D"_class));
  EXPECT_EQ(client_of(registry, "p:P"_class), "c:D");
  EXPECT_EQ(first->client, ClassReference("c:C")) << "an answer does not change in the hands of who has it";
}

TEST(KernelClientRegistry, clearing_forgets_mappings_and_keeps_classes) {
  KernelClientRegistry registry;
  define(registry, "p:Leaf"_class, {"p:Base"_class});
  ASSERT_TRUE(registry.register_client("p:Base"_class, "c:C"_class));
  ASSERT_TRUE(registry.set_fallback_client("c:Mine"_class, Precedence::configuration));
  registry.apply_config_mappings({{"bad", "c:C"}});
  registry.mark_failed("c:C"_class, "broken");
  registry.clear_registry();
  EXPECT_THAT(registry.get_registered_mappings(), IsEmpty());
  EXPECT_THAT(registry.problems(), IsEmpty());
  EXPECT_EQ(registry.fallback_client_class(), ClassReference(default_fallback_client));
  EXPECT_TRUE(registry.classes()->is_subclass("p:Leaf"_class, "p:Base"_class));
}

}  // namespace
}  // namespace nextgen_kernels
