#include "wire/json.h"

#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wire/json_repair.h"

namespace nextgen_kernels {
namespace {

using testing::ElementsAre;
using testing::Pair;

constexpr std::string_view replacement = "\uFFFD";

std::vector<std::pair<std::string, std::string>> members_of(std::string_view object) {
  std::vector<std::pair<std::string, std::string>> members;
  const auto walked = for_each_member(
      object, [&members](const JsonMember& member) { members.emplace_back(member.key, member.value); });
  EXPECT_TRUE(walked) << object;
  return members;
}

std::string repaired(std::string_view text) {
  const auto repair = repair_json(text);
  EXPECT_EQ(repair.verdict, JsonVerdict::repaired) << text;
  EXPECT_TRUE(is_valid_json(repair.text)) << repair.text;
  return repair.text;
}

TEST(Json, members_are_shown_as_they_are_written) {
  EXPECT_THAT(members_of(" {\"a\" : 1.50 , \"b\":[ 1 , {\"c\":2} ] ,\n\"d\": {\"e\":\"}\"} , \"f\":\"x\\ty\" "
                         ", \"g\":null } "),
              ElementsAre(Pair("a", "1.50"), Pair("b", "[ 1 , {\"c\":2} ]"), Pair("d", "{\"e\":\"}\"}"),
                          Pair("f", "\"x\\ty\""), Pair("g", "null")));
}

TEST(Json, large_objects_are_walked_like_small_ones) {
  const std::string large(1'000'000, 'x');
  const auto text = "{\"large\":\"" + large + "\",\"n\":[1],\"last\":\"\\u0061\"}";
  std::vector<std::string> strings;
  const auto walked = for_each_member(text, [&strings](const JsonMember& member) {
    strings.emplace_back(member.string.value_or("not a string"));
  });
  ASSERT_TRUE(walked) << walked.error().message;
  EXPECT_TRUE(strings == (std::vector<std::string>{large, "not a string", "a"}));
  EXPECT_FALSE(for_each_member(text + "}", [](const JsonMember&) {}));
  EXPECT_FALSE(is_valid_json(text + "}"));
}

TEST(Json, valid_texts_are_valid) {
  for (const std::string_view text : {"{}", "[]", " [ ] ", "0", "-0", "1.5e+10", "1E-2", "\"\"", "true",
                                      "false", "null", "[[[]]]", "{\"a\":{}}", "\"\\u00e9\\ud83d\\ude00\"",
                                      "\"\u00e9\U0001F600\x7F\"", "123456789012345678901234567890", "1e999"})
    EXPECT_TRUE(is_valid_json(text)) << text;
}

TEST(Json, nesting_of_any_depth_is_valid) {
  constexpr std::size_t depth = 200'000;
  const auto arrays = std::string(depth, '[') + std::string(depth, ']');
  EXPECT_TRUE(is_valid_json(arrays));
  EXPECT_FALSE(is_valid_json(arrays + ']'));
  EXPECT_FALSE(is_valid_json(arrays.substr(1)));
}

TEST(Json, invalid_texts_are_beyond_repair) {
  for (const std::string_view text : {"",
                                      " ",
                                      "{",
                                      "}",
                                      "[",
                                      "]",
                                      "[}",
                                      "{]",
                                      "[1",
                                      "[1,]",
                                      "[,1]",
                                      "[1 2]",
                                      "{\"a\"}",
                                      "{\"a\":}",
                                      "{\"a\":1,}",
                                      "{1:2}",
                                      "{a:1}",
                                      "\"",
                                      "\"a",
                                      "\"\\",
                                      "\"\\x\"",
                                      "\"\\u12\"",
                                      "\"\\u12g4\"",
                                      "\"\\ud800\\u12\"",
                                      "tru",
                                      "True",
                                      "nul",
                                      "+1",
                                      "01",
                                      "-",
                                      "1.",
                                      ".5",
                                      "1e",
                                      "1e+",
                                      "0x10",
                                      "-NaN",
                                      "+Infinity",
                                      "Infinit",
                                      "1 2",
                                      "{}{}",
                                      "\xEF\xBB\xBF{}",
                                      "[1]\x01"}) {
    EXPECT_FALSE(is_valid_json(text)) << text;
    EXPECT_EQ(repair_json(text).verdict, JsonVerdict::broken) << text;
  }
  EXPECT_FALSE(is_valid_json(std::string_view("[1]\0", 4)));
  EXPECT_FALSE(is_valid_json(std::string_view("[1\0]", 4)));
  EXPECT_FALSE(is_valid_json(std::string_view("1\0", 2)));
  EXPECT_FALSE(is_valid_json(std::string_view("\0", 1)));
}

TEST(JsonRepair, valid_texts_are_left_alone) {
  const auto repair = repair_json(R"({"a":[1,"NaN",{"Infinity":-1.5}]})");
  EXPECT_EQ(repair.verdict, JsonVerdict::valid);
  EXPECT_EQ(repair.text, "");
}

TEST(JsonRepair, numbers_that_are_none_become_null) {
  EXPECT_EQ(repaired("NaN"), "null");
  EXPECT_EQ(repaired("[NaN,-Infinity , Infinity,-1]"), "[null,null , null,-1]");
  EXPECT_EQ(repaired(R"({"a":NaN,"b":"NaN"})"), R"({"a":null,"b":"NaN"})");
}

TEST(JsonRepair, invalid_utf_8_is_replaced) {
  for (const std::string_view bytes : {"\xFC", "\x80", "\xC0\xAF", "\xE2\x82", "\xED\xA0\x80",
                                       "\xF4\x90\x80\x80", "\xF0\x80\x80\x80", "\xC3"}) {
    std::string expected = "\"a";
    for (std::size_t i = 0; i < bytes.size(); ++i) expected += replacement;
    EXPECT_EQ(repaired("\"a" + std::string(bytes) + "b\""), expected + "b\"") << bytes;
  }
}

TEST(JsonRepair, lone_surrogates_are_replaced) {
  EXPECT_EQ(repaired(R"("\ud800")"), R"("\ufffd")");
  EXPECT_EQ(repaired(R"("\uDC00x")"), R"("\ufffdx")");
  EXPECT_EQ(repaired(R"("\ud800\u0041")"), R"("\ufffd\u0041")");
  EXPECT_EQ(repaired(R"("\ud800\ud83d\ude00")"), R"("\ufffd\ud83d\ude00")");
}

TEST(JsonRepair, raw_control_characters_are_escaped) {
  EXPECT_EQ(repaired("\"a\nb\x1F\""), R"("a\u000ab\u001f")");
  EXPECT_EQ(repaired(std::string_view("\"\0\"", 3)), R"("\u0000")");
}

TEST(JsonRepair, keys_are_repaired_like_values) {
  EXPECT_EQ(repaired("{\"\xFF\":NaN,\"b\":1}"), "{\"" + std::string(replacement) + "\":null,\"b\":1}");
}

TEST(Json, quoting_is_undone_by_reading) {
  std::string text;
  for (int c = 0; c < 0x80; ++c) text += static_cast<char>(c);
  text += "é😀";
  std::string read;
  const auto object = "{\"a\":" + quote_json(text) + "}";
  ASSERT_TRUE(
      for_each_member(object, [&read](const JsonMember& member) { read = member.string.value_or(""); }));
  EXPECT_EQ(read, text);
}

TEST(Json, utf_8_is_checked) {
  EXPECT_TRUE(is_valid_utf8(""));
  EXPECT_TRUE(is_valid_utf8("aé😀"));
  EXPECT_FALSE(is_valid_utf8("\xED\xA0\x80"));
  EXPECT_FALSE(is_valid_utf8("\xC3"));
}

TEST(Json, tells_how_deep_it_nests) {
  EXPECT_FALSE(nests_deeper_than("", 0));
  EXPECT_FALSE(nests_deeper_than("3", 0));
  EXPECT_TRUE(nests_deeper_than("[]", 0));
  EXPECT_FALSE(nests_deeper_than(R"({"a": [1, [2]], "b": [[3]]})", 3));
  EXPECT_TRUE(nests_deeper_than(R"({"a": [1, [2]], "b": [[3]]})", 2));
  EXPECT_FALSE(nests_deeper_than(R"(["[[[[", "\"[[[", "\\", []])", 2));
  EXPECT_FALSE(nests_deeper_than("[][][]]]]", 1));
  EXPECT_TRUE(nests_deeper_than(std::string(1'000'000, '['), 1000));
}

}  // namespace
}  // namespace nextgen_kernels
