#include "wire/kernel_frames.h"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nextgen_kernels {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(KernelFrames, splits_identities_signature_parts_and_buffers) {
  const std::vector<std::string_view> frames{"id1", "id2", "<IDS|MSG>", "sig", "h",
                                             "p",   "m",   "c",         "b1",  "b2"};
  const auto split = split_kernel_frames(frames);
  ASSERT_TRUE(split) << split.error().message;
  EXPECT_THAT(split->identities, ElementsAre("id1", "id2"));
  EXPECT_EQ(split->signature, "sig");
  EXPECT_THAT(split->parts, ElementsAre("h", "p", "m", "c"));
  EXPECT_THAT(split->buffers, ElementsAre("b1", "b2"));
}

TEST(KernelFrames, identities_and_buffers_are_optional) {
  const std::vector<std::string_view> frames{"<IDS|MSG>", "", "h", "p", "m", "c"};
  const auto split = split_kernel_frames(frames);
  ASSERT_TRUE(split) << split.error().message;
  EXPECT_THAT(split->identities, IsEmpty());
  EXPECT_EQ(split->signature, "");
  EXPECT_THAT(split->buffers, IsEmpty());
}

TEST(KernelFrames, splits_at_the_first_delimiter) {
  const std::vector<std::string_view> frames{"<IDS|MSG>", "sig", "h", "p", "m", "c", "<IDS|MSG>"};
  const auto split = split_kernel_frames(frames);
  ASSERT_TRUE(split) << split.error().message;
  EXPECT_THAT(split->buffers, ElementsAre("<IDS|MSG>"));
}

TEST(KernelFrames, says_that_the_delimiter_is_missing) {
  const std::vector<std::string_view> frames{"id", "sig", "h", "p", "m", "c"};
  const auto split = split_kernel_frames(frames);
  ASSERT_FALSE(split);
  EXPECT_EQ(split.error().code, ErrorCode::protocol);
  EXPECT_THAT(split.error().message, HasSubstr("<IDS|MSG>"));
  EXPECT_FALSE(split_kernel_frames({}));
}

TEST(KernelFrames, says_which_part_is_missing) {
  const std::vector<std::string_view> frames{"id", "<IDS|MSG>", "sig", "h", "p", "m", "c"};
  const std::vector<std::string_view> missing{"signature", "header", "parent_header", "metadata", "content"};
  for (std::size_t count = 0; count < missing.size(); ++count) {
    const auto split = split_kernel_frames(std::span(frames).first(2 + count));
    ASSERT_FALSE(split) << count;
    EXPECT_THAT(split.error().message, HasSubstr("no " + std::string(missing[count]) + " frame"));
  }
}

}  // namespace
}  // namespace nextgen_kernels
