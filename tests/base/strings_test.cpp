#include "base/strings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nextgen_kernels {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Strings, split_keeps_empty_pieces) {
  EXPECT_THAT(split("a//b/", '/'), ElementsAre("a", "", "b", ""));
  EXPECT_THAT(split("", '/'), IsEmpty());
}

TEST(Strings, trim_removes_outer_space_only) {
  EXPECT_EQ(trim(" \t a b\r\n"), "a b");
  EXPECT_EQ(trim(" \n"), "");
}

TEST(Strings, constant_time_comparison_compares) {
  EXPECT_TRUE(equal_constant_time("abc", "abc"));
  EXPECT_TRUE(equal_constant_time("", ""));
  EXPECT_FALSE(equal_constant_time("abc", "abd"));
  EXPECT_FALSE(equal_constant_time("abc", "abcd"));
}

TEST(Strings, percent_decoding_refuses_malformed_escapes) {
  EXPECT_EQ(percent_decode("a%40b%2Fc"), "a@b/c");
  EXPECT_EQ(percent_decode("%4"), std::nullopt);
  EXPECT_EQ(percent_decode("%zz"), std::nullopt);
}

TEST(Strings, percent_encoding_is_undone_by_decoding) {
  EXPECT_EQ(percent_encode("a b/ü"), "a%20b%2F%C3%BC");
  EXPECT_EQ(percent_decode(percent_encode("a b/ü")), "a b/ü");
}

TEST(Strings, redact_removes_every_occurrence_of_a_secret) {
  EXPECT_EQ(redact("key=abcdef, again abcdef", {"abcdef"}), "key=[secret], again [secret]");
  EXPECT_EQ(redact("a cat", {"a", ""}), "a cat") << "texts too short to be secrets stay";
}

TEST(Strings, invalid_utf8_becomes_the_replacement_character) {
  EXPECT_EQ(replace_invalid_utf8("a\u00fc\u20ac\U0001F600z"), "a\u00fc\u20ac\U0001F600z");
  EXPECT_EQ(replace_invalid_utf8("cut \xE2\x82"), "cut \uFFFD\uFFFD");
  EXPECT_EQ(replace_invalid_utf8("\xED\xA0\x80|\xC0\xAF|\xF5"), "\uFFFD\uFFFD\uFFFD|\uFFFD\uFFFD|\uFFFD");
}

TEST(Strings, closest_match_suggests_only_what_is_near) {
  EXPECT_EQ(closest_match("ServerApp.prot", {"ServerApp.port", "ServerApp.ip"}), "ServerApp.port");
  EXPECT_EQ(closest_match("prot", {"debug", "port"}), "port") << "two swapped letters are one mistake";
  EXPECT_EQ(closest_match("something-else", {"ServerApp.port"}), std::nullopt);
  EXPECT_EQ(closest_match(std::string(1'000'000, 'x'), {"port"}), std::nullopt);
}

TEST(Strings, printable_escapes_control_characters_and_nothing_else) {
  EXPECT_EQ(printable("plain \xC3\xA9"), "plain \xC3\xA9");
  EXPECT_EQ(printable(std::string_view("\x1b[31m\n\x7f\0", 8)), R"(\x1b[31m\x0a\x7f\x00)");
}

TEST(Strings, a_sentence_ends_with_one_period) {
  EXPECT_EQ(as_sentence("No kernel"), "No kernel.");
  EXPECT_EQ(as_sentence("Did you mean python3?"), "Did you mean python3?");
  EXPECT_EQ(as_sentence("Install it.\n"), "Install it.");
  EXPECT_EQ(as_sentence(""), "");
}

TEST(Strings, article_fits_the_word) {
  EXPECT_EQ(with_article("execute_request"), "an execute_request");
  EXPECT_EQ(with_article("update_display_data"), "an update_display_data");
  EXPECT_EQ(with_article("user_request"), "a user_request");
  EXPECT_EQ(with_article("status"), "a status");
}

}  // namespace
}  // namespace nextgen_kernels
