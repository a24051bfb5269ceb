#include "base/descriptor_limit.h"

#include <gtest/gtest.h>

#include "few_descriptors.h"

namespace nextgen_kernels {
namespace {

TEST(DescriptorLimit, counts_what_is_open) {
  const auto before = count_open_descriptors();
  ASSERT_TRUE(before);
  const FileDescriptor one(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(count_open_descriptors(), *before + 1);
}

TEST(DescriptorLimit, counts_what_can_still_be_opened) {
  const auto before = descriptor_limit();
  {
    const FewDescriptors few(3);
    EXPECT_LT(descriptor_limit(), before);
    EXPECT_EQ(count_free_descriptors(2), 2u);
    EXPECT_EQ(count_free_descriptors(10), 3u);
    EXPECT_EQ(count_free_descriptors(10), 3u) << "they are free again";
  }
  EXPECT_EQ(descriptor_limit(), before);
  const FewDescriptors none(0);
  EXPECT_EQ(count_free_descriptors(10), 0u);
}

}  // namespace
}  // namespace nextgen_kernels
