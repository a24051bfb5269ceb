#include "registry/kernel_provisioner_factory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "log_capture.h"

namespace nextgen_kernels {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

const EntryPoint spark{.name = "spark-provisioner",
                       .value = "spark.provisioner:SparkProvisioner",
                       .distribution = "spark-kernels 1.2",
                       .path = "/first"};
const EntryPoint other_spark{.name = "spark-provisioner",
                             .value = "other:SparkProvisioner",
                             .distribution = "other-spark 3.0",
                             .path = "/second"};

TEST(KernelProvisionerFactory, the_default_name_is_configured_or_from_the_environment_or_the_standard_one) {
  const std::map<std::string, std::string> environment{
      {"JUPYTER_DEFAULT_PROVISIONER_NAME", "from-environment"}};
  EXPECT_EQ(KernelProvisionerFactory("configured", environment).default_provisioner_name(), "configured");
  EXPECT_EQ(KernelProvisionerFactory({}, environment).default_provisioner_name(), "from-environment");
  EXPECT_EQ(
      KernelProvisionerFactory({}, {{"JUPYTER_DEFAULT_PROVISIONER_NAME", ""}}).default_provisioner_name(),
      "local-provisioner");
  EXPECT_EQ(KernelProvisionerFactory().default_provisioner_name(), "local-provisioner");
}

TEST(KernelProvisionerFactory, a_name_stands_for_a_class) {
  KernelProvisionerFactory factory;
  ASSERT_TRUE(factory.add_builtin("local-provisioner", "ours:LocalProvisioner"_class));
  EXPECT_THAT(factory.auto_discover_provisioners(std::vector{spark}, {}), IsEmpty());
  EXPECT_EQ(factory.find("spark-provisioner")->provisioner,
            ClassReference("spark.provisioner:SparkProvisioner"));
  EXPECT_THAT(factory.find("spark-provisioner")->source, HasSubstr("spark-kernels 1.2"));
  EXPECT_EQ(factory.find("")->provisioner, ClassReference("ours:LocalProvisioner")) << "no name: the default";
  EXPECT_EQ(factory.provisioners().size(), 2);
}

TEST(KernelProvisionerFactory, an_unknown_name_is_an_error_that_says_what_there_is) {
  KernelProvisionerFactory factory;
  EXPECT_THAT(factory.find("x").error().message, HasSubstr("None is installed"));
  ASSERT_TRUE(factory.add_builtin("local-provisioner", "ours:LocalProvisioner"_class));
  const auto found = factory.find("local-provisoner");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::not_found);
  EXPECT_EQ(found.error().message,
            "There is no kernel provisioner \"local-provisoner\". There are: local-provisioner. "
            "Did you mean \"local-provisioner\"?");
}

TEST(KernelProvisionerFactory, an_unknown_default_is_said_to_be_the_default) {
  const KernelProvisionerFactory factory("nowhere");
  EXPECT_THAT(factory.find("").error().message, HasSubstr("\"nowhere\", which is the default"));
}

TEST(KernelProvisionerFactory, a_builtin_name_cannot_be_taken) {
  KernelProvisionerFactory factory;
  ASSERT_TRUE(factory.add_builtin("local-provisioner", "ours:LocalProvisioner"_class));
  EXPECT_TRUE(factory.add_builtin("local-provisioner", "ours.LocalProvisioner"_class));
  EXPECT_EQ(factory.add_builtin("local-provisioner", "other:LocalProvisioner"_class).error().code,
            ErrorCode::already_exists);
  EXPECT_FALSE(factory.add_builtin("", "other:LocalProvisioner"_class));
  ClassTable classes;
  ASSERT_TRUE(classes.define({.reference = "ours:LocalProvisioner"_class,
                              .kind = ClassKind::provisioner,
                              .aliases = {"jupyter_client.provisioning:LocalProvisioner"_class}}));
  factory.auto_discover_provisioners(
      std::vector{
          EntryPoint{.name = "local-provisioner", .value = "jupyter_client.provisioning:LocalProvisioner"}},
      classes);
  EXPECT_EQ(factory.find("local-provisioner")->provisioner, ClassReference("ours:LocalProvisioner"));
  EXPECT_THAT(factory.conflicts(), IsEmpty()) << "Jupyter's own entry of the same name is no trouble";
}

TEST(KernelProvisionerFactory, of_two_discovered_classes_the_first_found_is_used) {
  const LogCapture log;
  KernelProvisionerFactory factory;
  factory.auto_discover_provisioners(std::vector{spark, other_spark, spark}, {});
  EXPECT_EQ(factory.find("spark-provisioner")->provisioner,
            ClassReference("spark.provisioner:SparkProvisioner"));
  ASSERT_EQ(factory.conflicts().size(), 1);
  EXPECT_THAT(factory.conflicts()[0].message,
              AllOf(HasSubstr("spark-kernels 1.2"), HasSubstr("other-spark 3.0")));
  EXPECT_THAT(log.text(), HasSubstr("other-spark 3.0"));
}

TEST(KernelProvisionerFactory, malformed_entries_stop_none_of_the_others) {
  KernelProvisionerFactory factory;
  const auto errors = factory.auto_discover_provisioners(
      std::vector{EntryPoint{.name = "bad", .value = "NoModule", .distribution = "bad 1.0"},
                  EntryPoint{.name = "", .value = "m:C", .distribution = "nameless 1.0"}, spark},
      {});
  ASSERT_EQ(errors.size(), 2);
  EXPECT_THAT(errors[0].message, AllOf(HasSubstr("\"bad\""), HasSubstr("bad 1.0"), HasSubstr("NoModule")));
  EXPECT_THAT(errors[1].message, HasSubstr("its name is empty"));
  EXPECT_EQ(factory.provisioners().size(), 1);
}

TEST(KernelProvisionerFactory, only_provisioners_can_have_a_name) {
  ClassTable classes;
  ASSERT_TRUE(classes.define({.reference = "m:Client"_class, .kind = ClassKind::client}));
  ASSERT_TRUE(classes.define({.reference = "m:Listener"_class, .kind = ClassKind::listener}));
  KernelProvisionerFactory factory;
  const auto errors = factory.auto_discover_provisioners(
      std::vector{EntryPoint{.name = "one", .value = "m:Client", .distribution = "bad 1.0"},
                  EntryPoint{.name = "two", .value = "m:Listener", .distribution = "bad 1.0"}, spark},
      classes);
  ASSERT_EQ(errors.size(), 2);
  EXPECT_THAT(errors[0].message, HasSubstr("m:Client is declared as a kernel client, not as a provisioner"));
  EXPECT_THAT(errors[1].message, HasSubstr("m:Listener is declared as a listener, not as a provisioner"));
  EXPECT_EQ(factory.provisioners().size(), 1);
}

TEST(KernelProvisionerFactory, a_package_that_takes_a_built_in_name_is_a_conflict) {
  KernelProvisionerFactory factory;
  ASSERT_TRUE(factory.add_builtin("spark-provisioner", "ours:Provisioner"_class));
  ASSERT_TRUE(factory.add_builtin("same-provisioner", "same:Provisioner"_class));
  EXPECT_THAT(
      factory.auto_discover_provisioners(
          std::vector{spark, EntryPoint{.name = "same-provisioner", .value = "same:Provisioner"}}, {}),
      IsEmpty());
  ASSERT_EQ(factory.conflicts().size(), 1) << "the same class under its name is no conflict";
  EXPECT_EQ(factory.conflicts()[0].used.provisioner, ClassReference("ours:Provisioner"));
  EXPECT_THAT(factory.conflicts()[0].message,
              AllOf(HasSubstr("ours:Provisioner (built in)"), HasSubstr("spark-kernels 1.2"),
                    HasSubstr("nobody can take the name of a built-in one")));
}

TEST(KernelProvisionerFactory, an_alias_stands_for_its_class) {
  ClassTable classes;
  ASSERT_TRUE(classes.define({.reference = "spark.provisioner:SparkProvisioner"_class,
                              .kind = ClassKind::provisioner,
                              .aliases = {"spark:SparkProvisioner"_class}}));
  auto by_alias = spark;
  by_alias.value = "spark.SparkProvisioner";
  KernelProvisionerFactory factory;
  factory.auto_discover_provisioners(std::vector{by_alias, spark}, classes);
  const auto found = factory.find("spark-provisioner");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->provisioner, ClassReference("spark.provisioner:SparkProvisioner"));
  EXPECT_EQ(found->alias, ClassReference("spark:SparkProvisioner"));
  EXPECT_THAT(factory.conflicts(), IsEmpty()) << "both entries name one class";
}

TEST(KernelProvisionerFactory, an_unavailable_class_has_a_reason_until_it_is_taken_back) {
  KernelProvisionerFactory factory;
  factory.auto_discover_provisioners(std::vector{spark}, {});
  factory.set_unavailable("spark.provisioner:SparkProvisioner"_class,
                          "Python classes need the Python helper");
  const auto found = factory.find("spark-provisioner");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::unavailable);
  EXPECT_THAT(found.error().message,
              AllOf(HasSubstr("spark-kernels 1.2"), HasSubstr("need the Python helper")));
  EXPECT_EQ(factory.provisioners()[0].unavailable, "Python classes need the Python helper");
  factory.set_unavailable("spark.provisioner:SparkProvisioner"_class, "");
  EXPECT_TRUE(factory.find("spark-provisioner"));
}

}  // namespace
}  // namespace nextgen_kernels
