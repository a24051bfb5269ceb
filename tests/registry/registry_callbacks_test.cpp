#include <optional>
#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "log_capture.h"
#include "registry/kernel_client_registry.h"

namespace nextgen_kernels {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(RegistryCallbacks, tell_what_happened) {
  KernelClientRegistry registry;
  std::vector<std::string> told;
  const auto registered =
      registry.add_callback(RegistryEventKind::registered, [&](const RegistryEvent& event) {
        told.push_back(fmt::format("registered {}", event.mapping->client));
      });
  const auto replaced = registry.add_callback(RegistryEventKind::replaced, [&](const RegistryEvent& event) {
    told.push_back(fmt::format("replaced {} by {}", event.previous->client, event.mapping->client));
  });
  const auto removed = registry.add_callback(RegistryEventKind::removed, [&](const RegistryEvent& event) {
    told.push_back(fmt::format("removed {}", event.mapping->client));
  });
  const auto resolved = registry.add_callback(RegistryEventKind::resolved, [&](const RegistryEvent& event) {
    told.push_back(fmt::format("resolved {}", *event.resolution->client));
  });
  ASSERT_TRUE(registry.register_client("p:P"_class, "c:One"_class));
  ASSERT_TRUE(registry.register_client("p:P"_class, "c:Two"_class));
  registry.get_client_for_provisioner("p:P"_class);
  registry.clear_registry();
  EXPECT_THAT(told,
              ElementsAre("registered c:One", "replaced c:One by c:Two", "resolved c:Two", "removed c:Two"));
}

TEST(RegistryCallbacks, are_called_in_order_and_an_exception_stops_nothing) {
  const LogCapture log;
  KernelClientRegistry registry;
  std::vector<int> order;
  const auto first = registry.add_callback(RegistryEventKind::registered, [&](const RegistryEvent&) {
    order.push_back(1);
    throw std::runtime_error("callback is broken");
  });
  const auto second = registry.add_callback(RegistryEventKind::registered, [&](const RegistryEvent&) {
    order.push_back(2);
    throw 2;
  });
  const auto third =
      registry.add_callback(RegistryEventKind::registered, [&](const RegistryEvent&) { order.push_back(3); });
  EXPECT_TRUE(registry.register_client("p:P"_class, "c:C"_class));
  EXPECT_THAT(order, ElementsAre(1, 2, 3));
  EXPECT_THAT(log.text(), HasSubstr("callback is broken"));
}

TEST(RegistryCallbacks, end_with_their_handle) {
  KernelClientRegistry registry;
  int calls = 0;
  {
    const auto callback =
        registry.add_callback(RegistryEventKind::registered, [&](const RegistryEvent&) { ++calls; });
    ASSERT_TRUE(registry.register_client("p:A"_class, "c:C"_class));
  }
  ASSERT_TRUE(registry.register_client("p:B"_class, "c:C"_class));
  EXPECT_EQ(calls, 1);
}

TEST(RegistryCallbacks, can_change_the_registry_and_hear_of_it_afterwards) {
  KernelClientRegistry registry;
  std::vector<std::string> told;
  const auto follow = registry.add_callback(RegistryEventKind::registered, [&](const RegistryEvent& event) {
    told.push_back(fmt::format("begin {}", event.mapping->provisioner));
    if (event.mapping->provisioner == ClassReference("p:A"))
      ASSERT_TRUE(registry.register_client("p:B"_class, "c:C"_class));
    EXPECT_EQ(registry.get_client_for_provisioner("p:A"_class)->client, ClassReference("c:C"));
    told.push_back(fmt::format("end {}", event.mapping->provisioner));
  });
  ASSERT_TRUE(registry.register_client("p:A"_class, "c:C"_class));
  EXPECT_THAT(told, ElementsAre("begin p:A", "end p:A", "begin p:B", "end p:B"));
}

TEST(RegistryCallbacks, can_end_themselves) {
  KernelClientRegistry registry;
  std::optional<CallbackRegistration> once;
  int calls = 0;
  once = registry.add_callback(RegistryEventKind::registered, [&](const RegistryEvent&) {
    ++calls;
    once->end();
  });
  ASSERT_TRUE(registry.register_client("p:A"_class, "c:C"_class));
  ASSERT_TRUE(registry.register_client("p:B"_class, "c:C"_class));
  EXPECT_EQ(calls, 1);
}

TEST(RegistryCallbacks, can_own_a_registration_that_ends_with_them) {
  KernelClientRegistry registry;
  {
    auto owned =
        std::make_shared<Registration>(registry.register_scoped("p:Owned"_class, "c:C"_class).value());
    const auto callback = registry.add_callback(RegistryEventKind::removed, [owned](const RegistryEvent&) {});
    owned.reset();
    EXPECT_EQ(registry.registered_mappings().size(), 1);
  }
  EXPECT_EQ(registry.registered_mappings().size(), 0);
}

TEST(RegistryCallbacks, hear_nothing_of_a_refused_registration) {
  KernelClientRegistry registry;
  int calls = 0;
  const auto callback =
      registry.add_callback(RegistryEventKind::registered, [&](const RegistryEvent&) { ++calls; });
  EXPECT_FALSE(registry.register_from_string("P", "c:C"));
  EXPECT_EQ(calls, 0);
}

TEST(RegistryCallbacks, a_handle_can_outlive_the_registry) {
  auto registry = std::make_unique<KernelClientRegistry>();
  auto callback = registry->add_callback(RegistryEventKind::removed, [](const RegistryEvent&) {});
  registry.reset();
  callback.end();
}

}  // namespace
}  // namespace nextgen_kernels
