#include "base/file_stamp.h"

#include <cerrno>

#include <gtest/gtest.h>

#include "../support/temporary_directory.h"

namespace nextgen_kernels {
namespace {

TEST(FileStamp, tells_a_changed_file_from_an_unchanged_one) {
  const TemporaryDirectory directory;
  const auto file = directory.write("file", "one");
  const auto first = stamp_of(file);
  ASSERT_TRUE(first.has_value());
  EXPECT_TRUE(first->is_regular());
  EXPECT_TRUE(stamp_of(file)->unchanged_since(*first));
  directory.write("file", "longer");
  EXPECT_FALSE(stamp_of(file)->unchanged_since(*first));
}

TEST(FileStamp, tells_a_replaced_file_from_the_one_before) {
  const TemporaryDirectory directory;
  const auto file = directory.write("file", "one");
  const auto first = stamp_of(file);
  std::filesystem::rename(directory.write("other", "two"), file);
  EXPECT_FALSE(stamp_of(file)->unchanged_since(*first));
  EXPECT_FALSE(stamp_of(file)->same_file(*first));
}

TEST(FileStamp, is_not_settled_right_after_a_change) {
  const TemporaryDirectory directory;
  EXPECT_FALSE(stamp_of(directory.write("file", "new"))->settled);
  EXPECT_TRUE(stamp_of("/bin/sh")->settled);
}

TEST(FileStamp, says_why_there_is_none) {
  const TemporaryDirectory directory;
  EXPECT_EQ(stamp_of(directory.path() / "missing").error(), ENOENT);
  EXPECT_EQ(stamp_of(directory.write("file", "") / "below").error(), ENOTDIR);
}

}  // namespace
}  // namespace nextgen_kernels
