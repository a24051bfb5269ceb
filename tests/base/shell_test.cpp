#include "base/shell.h"

#include <gtest/gtest.h>

namespace nextgen_kernels {
namespace {

TEST(ShellQuote, leaves_harmless_words_as_they_are) {
  EXPECT_EQ(shell_quote("--gateway-url=http://127.0.0.1:8888"), "--gateway-url=http://127.0.0.1:8888");
  EXPECT_EQ(shell_quote("/usr/bin/python3.11"), "/usr/bin/python3.11");
}

TEST(ShellQuote, makes_one_word_of_anything_else) {
  EXPECT_EQ(shell_quote(""), "''");
  EXPECT_EQ(shell_quote("a b"), "'a b'");
  EXPECT_EQ(shell_quote("$(reboot);`x`&"), "'$(reboot);`x`&'");
  EXPECT_EQ(shell_quote("it's"), R"('it'\''s')");
  EXPECT_EQ(shell_quote("~/x"), "'~/x'");
}

}  // namespace
}  // namespace nextgen_kernels
