#include "base/small_file.h"

#include <cerrno>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "../support/temporary_directory.h"
#include "base/file_descriptor.h"

namespace nextgen_kernels {
namespace {

using testing::HasSubstr;

class SmallFileTest : public testing::Test {
 protected:
  TemporaryDirectory directory_;
};

TEST_F(SmallFileTest, a_file_up_to_the_limit_is_read_whole) {
  const auto file = directory_.write("a", std::string("one\0two", 7));
  EXPECT_EQ(read_small_text(file, 7).value(), std::string("one\0two", 7));
  const auto read = read_small_file(file.c_str(), 7);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->status.st_size, 7);
  EXPECT_EQ(read_small_text(directory_.write("empty", ""), 0).value(), "");
}

TEST_F(SmallFileTest, a_larger_one_is_refused) {
  const auto file = directory_.write("a", "12345678");
  EXPECT_EQ(read_small_file(file.c_str(), 7).error(), EFBIG);
  EXPECT_EQ(read_small_text(file, 7).error().message, file.native() + " is larger than 7 bytes");
}

TEST_F(SmallFileTest, what_says_that_it_is_empty_is_read_to_its_end_or_the_limit) {
  // Files of /proc have the size 0.
  EXPECT_THAT(read_small_text("/proc/self/status", 1024 * 1024).value(), HasSubstr("Name:"));
  EXPECT_EQ(read_small_file("/proc/self/status", 10).error(), EFBIG);
}

TEST_F(SmallFileTest, what_is_no_regular_file_is_refused_without_waiting) {
  const auto fifo = directory_.path() / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_EQ(read_small_text(fifo, 10).error().message, fifo.native() + " is not a regular file");
  EXPECT_EQ(read_small_file(directory_.path().c_str(), 10).error(), EINVAL);
}

TEST_F(SmallFileTest, a_missing_one_is_named_with_the_reason) {
  const auto file = directory_.path() / "missing";
  EXPECT_EQ(read_small_text(file, 10).error().message,
            "read " + file.native() + ": No such file or directory");
}

TEST_F(SmallFileTest, a_path_can_be_relative_to_a_directory) {
  directory_.write("folder/a", "text");
  const FileDescriptor folder(
      ::open((directory_.path() / "folder").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  EXPECT_EQ(read_small_file("a", 10, folder.get())->text, "text");
}

TEST(FileDescriptor, is_closed_once_by_its_last_owner) {
  FileDescriptor first(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const int number = first.get();
  FileDescriptor second(std::move(first));
  EXPECT_EQ(second.get(), number);
  EXPECT_NE(::fcntl(number, F_GETFD), -1);
  second.close();
  EXPECT_EQ(::fcntl(number, F_GETFD), -1);
  EXPECT_LT(second.get(), 0);
}

}  // namespace
}  // namespace nextgen_kernels
