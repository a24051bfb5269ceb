#include "abi_layout.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

#include <gtest/gtest.h>
#include <nextgen_kernels/abi.h>
#include <nextgen_kernels/version.h>

namespace nextgen_kernels {
namespace {

TEST(PluginAbi, what_version_1_fixed_is_where_it_was) {
  const auto live = live_abi_layout();
  const auto published = abi_v1_layout();
  ASSERT_EQ(live.facts.size(), published.facts.size());
  ASSERT_GT(published.facts.size(), 80u);
  for (std::size_t i = 0; i < published.facts.size(); ++i) {
    EXPECT_EQ(live.facts[i].name, published.facts[i].name);
    EXPECT_EQ(live.facts[i].offset, published.facts[i].offset) << published.facts[i].name;
    EXPECT_EQ(live.facts[i].size, published.facts[i].size) << published.facts[i].name;
  }
}

TEST(PluginAbi, only_structs_that_say_their_size_grow) {
  const auto live = live_abi_layout();
  const auto published = abi_v1_layout();
  ASSERT_EQ(live.sizes.size(), published.sizes.size());
  for (std::size_t i = 0; i < published.sizes.size(); ++i) {
    const auto& [name, size, may_grow] = published.sizes[i];
    if (may_grow)
      EXPECT_GE(live.sizes[i].size, size) << name;
    else
      EXPECT_EQ(live.sizes[i].size, size) << name;
  }
}

TEST(PluginAbi, what_came_later_stands_behind_what_was_published) {
  const auto published = abi_v1_layout().sizes;
  const auto end_of = [&](std::string_view name) {
    return std::ranges::find(published, name, &AbiSize::name)->size;
  };
  EXPECT_EQ(offsetof(nk_provisioner_functions, adoption_record), end_of("nk_provisioner_functions"));
  EXPECT_EQ(offsetof(nk_provisioner_functions, adopt_kernel),
            end_of("nk_provisioner_functions") + sizeof(void*));
  EXPECT_EQ(offsetof(nk_client_functions, adoption_record), end_of("nk_client_functions"));
  EXPECT_EQ(offsetof(nk_client_functions, reconnect), end_of("nk_client_functions") + sizeof(void*));
  EXPECT_EQ(offsetof(nk_host, library), end_of("nk_host"));
  EXPECT_EQ(offsetof(nk_host, register_client), end_of("nk_host") + sizeof(void*));
  EXPECT_EQ(offsetof(nk_host, refuse), end_of("nk_host") + 2 * sizeof(void*));
  EXPECT_EQ(offsetof(nk_plugin, refusal), end_of("nk_plugin"));
}

TEST(PluginAbi, the_sdk_says_the_version_of_the_program) {
  EXPECT_STREQ(NEXTGEN_KERNELS_SDK_VERSION, NEXTGEN_KERNELS_VERSION);
}

}  // namespace
}  // namespace nextgen_kernels
