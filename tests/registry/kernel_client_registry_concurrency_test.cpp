#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/log.h"
#include "registry/kernel_client_registry.h"

namespace nextgen_kernels {
namespace {

/// Thousands of mappings, one log line each, would hide the failures of these tests.
class RegistryConcurrency : public testing::Test {
 protected:
  RegistryConcurrency() { set_log_level(LogLevel::error); }
  ~RegistryConcurrency() override { set_log_level(LogLevel::info); }
};

TEST_F(RegistryConcurrency, readers_see_whole_states_while_others_register) {
  KernelClientRegistry registry;
  ASSERT_TRUE(registry.define_class(
      {.reference = "p:Leaf"_class, .kind = ClassKind::provisioner, .bases = {"p:Base"_class}}));
  ASSERT_TRUE(registry.register_client("p:Base"_class, "c:Base"_class));
  std::atomic<bool> stop = false;
  std::atomic<int> wrong = 0;
  std::vector<std::jthread> readers;
  for (int i = 0; i < 3; ++i)
    readers.emplace_back([&, i] {
      const KernelContext context{.kernel_name = i == 0 ? "python3" : ""};
      while (!stop) {
        // At every moment the leaf is mapped itself, or its base is: never the fallback.
        const auto resolution = registry.get_client_for_provisioner("p:Leaf"_class, context);
        const bool exact =
            resolution->matched_by == MatchedBy::exact && resolution->client == ClassReference("c:Leaf");
        const bool base =
            resolution->matched_by == MatchedBy::base && resolution->client == ClassReference("c:Base");
        if (!exact && !base) ++wrong;
        for (const auto& info : registry.registered_mappings())
          if (info.mapping->provisioner != ClassReference("p:Leaf") &&
              info.mapping->provisioner != ClassReference("p:Base"))
            ++wrong;
      }
    });
  std::vector<std::jthread> writers;
  for (int i = 0; i < 2; ++i)
    writers.emplace_back([&] {
      for (int round = 0; round < 1000; ++round) {
        auto registration = registry.register_scoped("p:Leaf"_class, "c:Leaf"_class);
        if (!registration) ++wrong;
      }
    });
  writers.clear();
  stop = true;
  readers.clear();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(registry.registered_mappings().size(), 1);
}

TEST_F(RegistryConcurrency, events_are_told_one_at_a_time_and_in_order) {
  KernelClientRegistry registry;
  std::atomic<int> inside = 0;
  std::atomic<int> overlapping = 0;
  std::vector<MappingId> registered;  // Written by one thread at a time: the promise under test.
  const auto callback = registry.add_callback(RegistryEventKind::registered, [&](const RegistryEvent& event) {
    if (++inside != 1) ++overlapping;
    registered.push_back(event.mapping->id);
    --inside;
  });
  {
    std::vector<std::jthread> writers;
    for (int i = 0; i < 4; ++i)
      writers.emplace_back([&, i] {
        for (int round = 0; round < 100; ++round)
          EXPECT_TRUE(registry.register_from_string(fmt::format("p:P{}_{}", i, round), "c:C"));
      });
  }
  EXPECT_EQ(overlapping, 0);
  ASSERT_EQ(registered.size(), 400);
  std::vector<MappingId> in_order;
  for (const auto& info : registry.registered_mappings()) in_order.push_back(info.mapping->id);
  EXPECT_EQ(registered, in_order);
}

TEST_F(RegistryConcurrency, callbacks_can_come_and_go_while_kernels_start) {
  KernelClientRegistry registry;
  std::atomic<int> calls = 0;
  std::atomic<bool> stop = false;
  std::jthread kernel_starts([&] {
    while (!stop) registry.get_client_for_provisioner("p:P"_class);
  });
  while (calls < 100) {
    const auto before = calls.load();
    const auto callback =
        registry.add_callback(RegistryEventKind::resolved, [&calls](const RegistryEvent&) { ++calls; });
    while (calls == before) std::this_thread::yield();
  }
  stop = true;
}

}  // namespace
}  // namespace nextgen_kernels
