#include "kernels/culling.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nextgen_kernels {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class CullingTest : public testing::Test {
 protected:
  std::optional<std::string> reason(KernelUse use) const {
    use.idle = 11s;
    return reason_to_cull(use, 10s, options_);
  }

  CullingOptions options_;
};

TEST_F(CullingTest, an_idle_kernel_is_culled_after_its_time_and_told_how_long_it_was) {
  EXPECT_THAT(reason({.state = ExecutionState::idle}).value_or(""), HasSubstr("after 11 s without activity"));
  EXPECT_FALSE(reason_to_cull({.state = ExecutionState::idle, .idle = 10s}, 10s, options_));
}

TEST_F(CullingTest, a_busy_kernel_is_kept_unless_asked_otherwise) {
  EXPECT_FALSE(reason({.state = ExecutionState::busy}));
  options_.cull_busy = true;
  EXPECT_TRUE(reason({.state = ExecutionState::busy}));
}

TEST_F(CullingTest, a_connected_kernel_is_kept_unless_asked_otherwise) {
  EXPECT_FALSE(reason({.state = ExecutionState::idle, .users = 1}));
  options_.cull_connected = true;
  EXPECT_TRUE(reason({.state = ExecutionState::idle, .users = 1}));
}

TEST_F(CullingTest, a_kernel_that_starts_is_kept) {
  EXPECT_FALSE(reason({.state = ExecutionState::starting}));
  EXPECT_FALSE(reason({.state = ExecutionState::restarting}));
}

TEST_F(CullingTest, a_dead_kernel_is_culled_at_once) {
  EXPECT_TRUE(reason_to_cull({.state = ExecutionState::dead}, 10s, options_));
}

TEST_F(CullingTest, a_kernel_spec_may_have_its_own_time) {
  KernelSpec spec;
  EXPECT_FALSE(cull_timeout(spec, options_));
  spec.metadata["cull_idle_timeout"] = 1.5;
  EXPECT_EQ(cull_timeout(spec, options_), 1500ms);
  options_.cull_idle_timeout = 60s;
  EXPECT_EQ(cull_timeout(spec, options_), 1500ms);
  spec.metadata["cull_idle_timeout"] = 0;
  EXPECT_FALSE(cull_timeout(spec, options_)) << "kernels of this spec are never culled";
  for (const auto& nonsense : {nlohmann::ordered_json("soon"), nlohmann::ordered_json(-1),
                               nlohmann::ordered_json(1e300), nlohmann::ordered_json(nullptr)}) {
    spec.metadata["cull_idle_timeout"] = nonsense;
    EXPECT_EQ(cull_timeout(spec, options_), 60s) << nonsense;
  }
}

}  // namespace
}  // namespace nextgen_kernels
