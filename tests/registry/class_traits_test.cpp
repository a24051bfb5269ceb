#include "registry/class_traits.h"

#include <memory>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "registry/kernel_client_registry.h"

namespace nextgen_kernels {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class LocalProvisioner {
 public:
  static constexpr DeclaredClass<LocalProvisioner> declared_class{
      .reference = "test.provisioners:LocalProvisioner",
      .version = "1.2",
      .produces = "jupyter-zmq 5.3; jupyter-ipc 1",
      .other_bases = "jupyter_client.provisioning.local_provisioner:LocalProvisioner",
      .aliases = "ours:LocalProvisioner"};
  virtual ~LocalProvisioner() = default;
  virtual ClassReference class_reference() const { return class_reference_of<LocalProvisioner>(); }
};

class Audited {
 public:
  static constexpr DeclaredClass<Audited> declared_class{.reference = "test.provisioners:Audited"};
};

class AuditedProvisioner : public LocalProvisioner, public Audited {
 public:
  static constexpr DeclaredClass<AuditedProvisioner, LocalProvisioner, Audited> declared_class{
      .reference = "test.provisioners:AuditedProvisioner"};
  ClassReference class_reference() const override { return class_reference_of<AuditedProvisioner>(); }
};

class ZmqClient {
 public:
  static constexpr DeclaredClass<ZmqClient> declared_class{.reference = "test.clients:ZmqClient",
                                                           .understands = "jupyter-zmq >=5,<6",
                                                           .provisioner_versions = ">=1"};
};

class Misspelled {
 public:
  static constexpr DeclaredClass<Misspelled> declared_class{.reference = "test:Misspelled", .version = "one"};
};

/// Knows its name, and nothing of the registry.
class PlainProvisioner {
 public:
  static constexpr std::string_view reference = "test.provisioners:PlainProvisioner";
  virtual ~PlainProvisioner() = default;
  virtual std::string_view class_reference() const { return reference; }
};

class DerivedPlainProvisioner : public PlainProvisioner {
 public:
  std::string_view class_reference() const override { return "test.provisioners:DerivedPlainProvisioner"; }
};

}  // namespace

template <>
struct ClassTraits<PlainProvisioner> {
  static constexpr DeclaredClass<PlainProvisioner> declared{.reference = PlainProvisioner::reference};
};

template <>
struct ClassTraits<DerivedPlainProvisioner> {
  static constexpr DeclaredClass<DerivedPlainProvisioner, PlainProvisioner> declared{
      .reference = "test.provisioners:DerivedPlainProvisioner"};
};

namespace {

static_assert(HasDeclaredClass<LocalProvisioner>);
static_assert(!HasDeclaredClass<int>);

TEST(ClassTraits, a_declaration_has_all_that_the_class_states) {
  const auto declaration = class_declaration_of<LocalProvisioner>(ClassKind::provisioner).value();
  EXPECT_EQ(declaration.version->text(), "1.2");
  EXPECT_EQ(declaration.produces.size(), 2);
  EXPECT_THAT(declaration.bases,
              ElementsAre(ClassReference("jupyter_client.provisioning.local_provisioner:LocalProvisioner")));
  EXPECT_THAT(declaration.aliases, ElementsAre(ClassReference("ours:LocalProvisioner")));
  const auto client = class_declaration_of<ZmqClient>(ClassKind::client).value();
  EXPECT_EQ(client.provisioner_versions->text(), ">=1");
  EXPECT_EQ(client.understands.front().to_string(), "jupyter-zmq >=5,<6");
}

TEST(ClassTraits, a_malformed_text_is_an_error_of_the_registration) {
  KernelClientRegistry registry;
  const auto registered = registry.register_client<Misspelled, ZmqClient>();
  ASSERT_FALSE(registered);
  EXPECT_THAT(registered.error().message, HasSubstr("\"one\" is not a version"));
}

TEST(ClassTraits, registering_cpp_classes_declares_them_with_their_bases) {
  KernelClientRegistry registry;
  ASSERT_TRUE((registry.register_client<LocalProvisioner, ZmqClient>()));
  ASSERT_TRUE(registry.define_class<AuditedProvisioner>(ClassKind::provisioner));
  EXPECT_THAT(registry.classes()->linearization(class_reference_of<AuditedProvisioner>()),
              ElementsAre(class_reference_of<AuditedProvisioner>(), class_reference_of<LocalProvisioner>(),
                          ClassReference("jupyter_client.provisioning.local_provisioner:LocalProvisioner"),
                          class_reference_of<Audited>()));
  const auto resolution = registry.get_client_for_provisioner<AuditedProvisioner>();
  EXPECT_EQ(resolution->matched_by, MatchedBy::base);
  EXPECT_EQ(resolution->client, class_reference_of<ZmqClient>());
}

TEST(ClassTraits, an_instance_is_looked_up_by_its_most_derived_class) {
  KernelClientRegistry registry;
  ASSERT_TRUE((registry.register_client<LocalProvisioner, ZmqClient>()));
  ASSERT_TRUE(registry.define_class<AuditedProvisioner>(ClassKind::provisioner));
  const std::unique_ptr<LocalProvisioner> provisioner = std::make_unique<AuditedProvisioner>();
  const auto resolution = registry.get_client_for_provisioner(*provisioner);
  EXPECT_EQ(resolution->provisioner, class_reference_of<AuditedProvisioner>());
  EXPECT_EQ(resolution->client, class_reference_of<ZmqClient>());
}

TEST(ClassTraits, a_class_that_knows_nothing_of_the_registry_can_be_declared_from_outside) {
  KernelClientRegistry registry;
  ASSERT_TRUE((registry.register_client<PlainProvisioner, ZmqClient>()));
  ASSERT_TRUE(registry.define_class<DerivedPlainProvisioner>(ClassKind::provisioner));
  const std::unique_ptr<PlainProvisioner> provisioner = std::make_unique<DerivedPlainProvisioner>();
  const auto resolution = registry.get_client_for_provisioner(*provisioner);
  EXPECT_EQ(resolution->matched_by, MatchedBy::base);
  EXPECT_EQ(resolution->client, class_reference_of<ZmqClient>());
}

TEST(ClassTraits, an_instance_with_a_malformed_reference_is_a_programming_error) {
  struct Nameless {
    std::string_view class_reference() const { return "Nameless"; }
  };
  const KernelClientRegistry registry;
  EXPECT_THROW(registry.get_client_for_provisioner(Nameless()), std::invalid_argument);
}

TEST(ClassTraits, a_cpp_class_is_found_by_a_mapping_of_the_python_class_it_stands_for) {
  KernelClientRegistry registry;
  ASSERT_TRUE(registry.define_class<LocalProvisioner>(ClassKind::provisioner));
  ASSERT_TRUE(registry.register_from_string("jupyter_client.provisioning.local_provisioner.LocalProvisioner",
                                            "other:Client"));
  EXPECT_EQ(registry.get_client_for_provisioner<LocalProvisioner>()->client, ClassReference("other:Client"));
}

}  // namespace
}  // namespace nextgen_kernels
