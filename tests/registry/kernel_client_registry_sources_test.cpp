#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "log_capture.h"
#include "registry/kernel_client_registry.h"

namespace nextgen_kernels {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

const EntryPoint spark{.name = "spark:Provisioner",
                       .value = "spark:Client",
                       .distribution = "spark-kernels 1.2",
                       .path = "/first/entry_points.txt"};
const EntryPoint other_spark{.name = "spark.Provisioner",
                             .value = "other:Client",
                             .distribution = "other-spark 3.0",
                             .path = "/second/entry_points.txt"};

TEST(RegistrySources, configuration_goes_before_programmatic_before_entry_point) {
  KernelClientRegistry registry;
  const auto client = [&] {
    return registry.get_client_for_provisioner("spark:Provisioner"_class)->client->to_string();
  };
  EXPECT_THAT(registry.apply_config_mappings({{"spark:Provisioner", "config:Client"}}), IsEmpty());
  EXPECT_EQ(client(), "config:Client");
  ASSERT_TRUE(registry.register_client("spark:Provisioner"_class, "program:Client"_class));
  EXPECT_EQ(client(), "config:Client");
  EXPECT_THAT(registry.auto_discover_registrations(std::vector{spark}), IsEmpty());
  EXPECT_EQ(client(), "config:Client");
  EXPECT_THAT(registry.get_client_for_provisioner("spark:Provisioner"_class)->steps,
              Contains(HasSubstr("configuration goes before entry point")));
  EXPECT_THAT(registry.conflicts(), IsEmpty()) << "different precedences are no conflict";

  registry.apply_config_mappings({});
  EXPECT_EQ(client(), "program:Client") << "a priority does not change precedence";
  EXPECT_EQ(registry.unregister(ClassReference("spark:Provisioner")), 1);
  EXPECT_EQ(client(), "spark:Client");
}

TEST(RegistrySources, an_early_registration_survives_discovery) {
  KernelClientRegistry registry;
  ASSERT_TRUE(registry.register_client("spark:Provisioner"_class, "program:Client"_class));
  auto strong = spark;
  strong.priority = 1000;
  registry.auto_discover_registrations(std::vector{strong});
  EXPECT_THAT(registry.get_registered_mappings(), ElementsAre(Pair("spark:Provisioner", "program:Client")));
}

TEST(RegistrySources, of_two_entry_points_the_first_on_the_search_path_is_used_and_both_are_named) {
  const LogCapture log;
  KernelClientRegistry registry;
  registry.auto_discover_registrations(std::vector{spark, other_spark});
  const auto resolution = registry.get_client_for_provisioner("spark:Provisioner"_class);
  EXPECT_EQ(resolution->client, ClassReference("spark:Client"));
  EXPECT_THAT(resolution->source,
              AllOf(HasSubstr("spark-kernels 1.2"), HasSubstr("/first/entry_points.txt")));
  ASSERT_EQ(registry.conflicts().size(), 1);
  EXPECT_THAT(registry.conflicts()[0].message,
              AllOf(HasSubstr("spark-kernels 1.2"), HasSubstr("other-spark 3.0"),
                    HasSubstr("the first found is used")));
  EXPECT_THAT(log.text(), AllOf(HasSubstr("warning"), HasSubstr("other-spark 3.0")));
}

TEST(RegistrySources, the_search_path_decides_also_when_discovery_runs_again) {
  KernelClientRegistry registry;
  registry.auto_discover_registrations(std::vector{spark});
  registry.auto_discover_registrations(std::vector{other_spark, spark});
  EXPECT_EQ(registry.get_client_for_provisioner("spark:Provisioner"_class)->client,
            ClassReference("other:Client"));
}

TEST(RegistrySources, three_entry_points_are_one_conflict) {
  KernelClientRegistry registry;
  auto third = other_spark;
  third.value = "third:Client";
  registry.auto_discover_registrations(std::vector{spark, other_spark, third});
  ASSERT_EQ(registry.conflicts().size(), 1);
  EXPECT_EQ(registry.conflicts()[0].unused.size(), 2);
}

TEST(RegistrySources, two_distributions_that_agree_are_no_conflict) {
  KernelClientRegistry registry;
  auto copy = other_spark;
  copy.value = spark.value;
  registry.auto_discover_registrations(std::vector{spark, copy});
  EXPECT_THAT(registry.conflicts(), IsEmpty());
  EXPECT_EQ(registry.registered_mappings().size(), 2);
}

TEST(RegistrySources, a_malformed_entry_point_stops_none_of_the_others) {
  const LogCapture log;
  KernelClientRegistry registry;
  const EntryPoint bad{
      .name = "spark", .value = "x:Y", .distribution = "bad 1.0", .path = "/bad/entry_points.txt"};
  const auto errors = registry.auto_discover_registrations(std::vector{bad, spark});
  ASSERT_EQ(errors.size(), 1);
  EXPECT_THAT(errors[0].message,
              AllOf(HasSubstr("bad 1.0"), HasSubstr("\"spark\" = \"x:Y\""), HasSubstr("for example")));
  EXPECT_THAT(log.text(), HasSubstr("bad 1.0"));
  ASSERT_EQ(registry.problems().size(), 1);
  EXPECT_EQ(registry.problems()[0].subject, "spark");
  EXPECT_EQ(registry.registered_mappings().size(), 1);
  registry.auto_discover_registrations(std::vector{spark});
  EXPECT_THAT(registry.problems(), IsEmpty());
}

TEST(RegistrySources, entry_points_can_carry_criteria) {
  KernelClientRegistry registry;
  auto for_r = other_spark;
  for_r.criteria.languages = {"r"};
  registry.auto_discover_registrations(std::vector{spark, for_r});
  EXPECT_THAT(registry.conflicts(), IsEmpty());
  EXPECT_EQ(registry.get_client_for_provisioner("spark:Provisioner"_class, {.language = "R"})->client,
            ClassReference("other:Client"));
}

TEST(RegistrySources, discovery_asks_its_provider_each_time) {
  KernelClientRegistry registry;
  EXPECT_THAT(registry.auto_discover_registrations(), IsEmpty()) << "no provider: nothing to find";
  std::vector<EntryPoint> found{spark};
  registry.set_entry_point_provider([&] { return found; });
  registry.auto_discover_registrations();
  EXPECT_EQ(registry.registered_mappings().size(), 1);
  found.clear();
  registry.auto_discover_registrations();
  EXPECT_THAT(registry.registered_mappings(), IsEmpty());
}

TEST(RegistrySources, a_provider_that_throws_changes_nothing) {
  KernelClientRegistry registry;
  registry.auto_discover_registrations(std::vector{spark});
  registry.set_entry_point_provider(
      []() -> std::vector<EntryPoint> { throw std::runtime_error("disk on fire"); });
  const auto errors = registry.auto_discover_registrations();
  ASSERT_EQ(errors.size(), 1);
  EXPECT_THAT(errors[0].message, HasSubstr("disk on fire"));
  EXPECT_EQ(registry.registered_mappings().size(), 1);
}

TEST(RegistrySources, a_malformed_configuration_entry_is_returned_and_listed) {
  KernelClientRegistry registry;
  const auto errors = registry.apply_config_mappings({{"p:P", "nothing"}, {"p:Q", "c:C"}});
  ASSERT_EQ(errors.size(), 1);
  EXPECT_THAT(errors[0].message,
              AllOf(HasSubstr("\"p:P\" = \"nothing\""), HasSubstr("provisioner_client_mappings")));
  EXPECT_THAT(registry.get_registered_mappings(), ElementsAre(Pair("p:Q", "c:C")));
  EXPECT_EQ(registry.problems().size(), 1);
}

TEST(RegistrySources, one_provisioner_spelled_twice_in_the_configuration_is_a_conflict) {
  KernelClientRegistry registry;
  registry.apply_config_mappings({{"p.P", "c:Dotted"}, {"p:P", "c:Colon"}});
  ASSERT_EQ(registry.conflicts().size(), 1);
  EXPECT_EQ(registry.conflicts()[0].used->client, ClassReference("c:Dotted"));
}

TEST(RegistrySources, applying_the_configuration_again_keeps_what_is_the_same) {
  KernelClientRegistry registry;
  registry.apply_config_mappings({{"p:A", "c:A"}, {"p:B", "c:B"}, {"p:C", "c:C"}});
  const auto before = registry.registered_mappings();
  std::vector<std::string> told;
  const auto tell = [&](std::string_view what) {
    return [&told, what](const RegistryEvent& event) {
      told.push_back(fmt::format("{} {}", what, event.mapping->provisioner));
    };
  };
  const auto registered = registry.add_callback(RegistryEventKind::registered, tell("registered"));
  const auto replaced = registry.add_callback(RegistryEventKind::replaced, tell("replaced"));
  const auto removed = registry.add_callback(RegistryEventKind::removed, tell("removed"));
  registry.apply_config_mappings({{"p:A", "c:A"}, {"p:B", "c:Other"}, {"p:D", "c:D"}});
  EXPECT_THAT(told, ElementsAre("replaced p:B", "registered p:D", "removed p:C"));
  EXPECT_EQ(registry.registered_mappings()[0].mapping->id, before[0].mapping->id);
}

}  // namespace
}  // namespace nextgen_kernels
