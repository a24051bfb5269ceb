#include "kernelspecs/change_watch.h"

#include <gtest/gtest.h>

#include "../support/temporary_directory.h"

namespace nextgen_kernels {
namespace {

namespace fs = std::filesystem;
using Added = ChangeWatch::Added;

class ChangeWatchTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(watch_.works());
    fs::create_directory(directory_.path() / "a");
    directory_.write("a/file", "old");
  }

  TemporaryDirectory directory_;
  ChangeWatch watch_;
};

TEST_F(ChangeWatchTest, tells_each_change_once) {
  EXPECT_EQ(watch_.watch(directory_.path() / "a"), Added::fresh);
  EXPECT_EQ(watch_.watch(directory_.path() / "a"), Added::known);
  EXPECT_FALSE(watch_.take_changes());
  directory_.write("a/file", "new");
  EXPECT_TRUE(watch_.take_changes());
  EXPECT_FALSE(watch_.take_changes());
  fs::rename(directory_.path() / "a/file", directory_.path() / "a/renamed");
  EXPECT_TRUE(watch_.take_changes());
  fs::remove(directory_.path() / "a/renamed");
  EXPECT_TRUE(watch_.take_changes());
}

TEST_F(ChangeWatchTest, reading_is_no_change) {
  watch_.watch(directory_.path() / "a");
  std::ifstream(directory_.path() / "a/file").get();
  for (const auto& entry : fs::directory_iterator(directory_.path() / "a")) EXPECT_TRUE(entry.exists());
  EXPECT_FALSE(watch_.take_changes());
}

TEST_F(ChangeWatchTest, what_does_not_exist_is_told_of_when_it_comes) {
  EXPECT_EQ(watch_.watch(directory_.path() / "b" / "c"), Added::fresh);
  EXPECT_EQ(watch_.watch(directory_.path() / "b"), Added::known);
  fs::create_directory(directory_.path() / "b");
  EXPECT_TRUE(watch_.take_changes());
  EXPECT_EQ(watch_.watch(directory_.path() / "b" / "c"), Added::fresh);
}

TEST_F(ChangeWatchTest, the_target_of_a_link_is_watched) {
  directory_.write("elsewhere/file", "old");
  fs::create_symlink(directory_.path() / "elsewhere/file", directory_.path() / "a/link");
  watch_.watch(directory_.path() / "a/link");
  EXPECT_FALSE(watch_.take_changes());
  directory_.write("elsewhere/file", "new");
  EXPECT_TRUE(watch_.take_changes());
}

TEST_F(ChangeWatchTest, a_directory_that_was_made_anew_is_watched_anew) {
  watch_.watch(directory_.path() / "a");
  fs::remove_all(directory_.path() / "a");
  EXPECT_TRUE(watch_.take_changes());
  fs::create_directory(directory_.path() / "a");
  EXPECT_EQ(watch_.watch(directory_.path() / "a"), Added::fresh);
}

}  // namespace
}  // namespace nextgen_kernels
