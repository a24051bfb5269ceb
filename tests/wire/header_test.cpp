#include "wire/header.h"

#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wire/json.h"

namespace nextgen_kernels {
namespace {

using testing::HasSubstr;

bool points_into(std::string_view part, std::string_view text) {
  return part.data() >= text.data() && part.data() + part.size() <= text.data() + text.size();
}

TEST(Header, finds_the_fields_that_routing_needs) {
  constexpr std::string_view json =
      R"({"msg_id": "7f-1_2", "msg_type": "execute_request", "username": "ada", "session": "s1",)"
      R"( "date": "2024-01-02T03:04:05.678901Z", "version": "5.3", "subshell_id": "sub"})";
  const auto header = scan_header(json);
  ASSERT_TRUE(header) << header.error().message;
  EXPECT_EQ(header->msg_id, "7f-1_2");
  EXPECT_EQ(header->msg_type, "execute_request");
  EXPECT_EQ(header->username, "ada");
  EXPECT_EQ(header->session, "s1");
  EXPECT_EQ(header->subshell_id, "sub");
  EXPECT_TRUE(header->has_msg_id && header->has_msg_type && header->has_session && header->has_username &&
              header->has_version && header->has_date);
}

TEST(Header, fields_without_escapes_are_views_into_the_text) {
  const std::string json = R"({"msg_id":"abc","msg_type":"status"})";
  const auto header = scan_header(json);
  ASSERT_TRUE(header);
  EXPECT_TRUE(points_into(header->msg_id, json));
  EXPECT_TRUE(points_into(header->msg_type, json));
  EXPECT_FALSE(header->storage);
}

TEST(Header, decoded_fields_survive_copies_and_moves) {
  auto scanned =
      scan_header(R"({"msg_id":"a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00","session":"\u0073","username":"\n"})");
  ASSERT_TRUE(scanned) << scanned.error().message;
  const Header copy = *scanned;
  const Header moved = std::move(*scanned);
  scanned = Header{};
  for (const auto& header : {copy, moved}) {
    EXPECT_EQ(header.msg_id, "a\"\\/\b\f\n\r\té😀");
    EXPECT_EQ(header.session, "s");
    EXPECT_EQ(header.username, "\n");
  }
}

TEST(Header, keys_with_escapes_are_recognized) {
  const auto header = scan_header(R"({"msg\u005fid":"a","\u006dsg_type":"b"})");
  ASSERT_TRUE(header) << header.error().message;
  EXPECT_EQ(header->msg_id, "a");
  EXPECT_EQ(header->msg_type, "b");
}

TEST(Header, the_empty_object_is_an_empty_header) {
  for (const std::string_view json : {"{}", " { } ", "{\n}"}) {
    const auto header = scan_header(json);
    ASSERT_TRUE(header) << json;
    EXPECT_EQ(header->msg_id, "");
    EXPECT_FALSE(header->has_msg_id);
  }
}

TEST(Header, fields_of_nested_objects_do_not_count) {
  const auto header = scan_header(
      R"({"extra":{"msg_id":"inner","deeper":[{"msg_type":"x"},"}","\"]"]},"msg_id":"outer","s":"\"msg_type\":\"no\""})");
  ASSERT_TRUE(header) << header.error().message;
  EXPECT_EQ(header->msg_id, "outer");
  EXPECT_FALSE(header->has_msg_type);
}

TEST(Header, the_last_of_duplicate_fields_counts) {
  const auto header = scan_header(R"({"msg_id":"first","msg_id":"second","session":"s","session":null})");
  ASSERT_TRUE(header) << header.error().message;
  EXPECT_EQ(header->msg_id, "second");
  EXPECT_EQ(header->session, "");
  EXPECT_FALSE(header->has_session);
}

TEST(Header, fields_that_are_not_strings_are_absent) {
  const auto header =
      scan_header(R"({"msg_id":5,"username":null,"version":5.3,"date":{},"session":"","subshell_id":null})");
  ASSERT_TRUE(header) << header.error().message;
  EXPECT_FALSE(header->has_msg_id);
  EXPECT_FALSE(header->has_username);
  EXPECT_FALSE(header->has_version);
  EXPECT_FALSE(header->has_date);
  EXPECT_TRUE(header->has_session);
  EXPECT_EQ(header->subshell_id, "");
}

TEST(Header, every_byte_is_read_right_at_every_place) {
  for (std::size_t before = 0; before < 17; ++before) {
    for (int byte = 0; byte < 0x100; ++byte) {
      const auto value = std::string(before, 'x') + static_cast<char>(byte) + "yyyyyyyyyyyyyyyy";
      const auto json = "{\"msg_id\":\"" + value + "\",\"session\":\"s\"}";
      const auto header = scan_header(json);
      if (byte == '"' || byte == '\\') {
        EXPECT_FALSE(header) << byte;
      } else if (byte < 0x20) {
        ASSERT_TRUE(header) << byte;
        EXPECT_EQ(header->msg_id, value) << "control characters are repaired";
      } else if (byte < 0x80) {
        ASSERT_TRUE(header) << byte;
        EXPECT_EQ(header->msg_id, value);
        EXPECT_EQ(header->session, "s");
      } else {
        ASSERT_TRUE(header) << byte;
        EXPECT_EQ(header->msg_id, std::string(before, 'x') + "\uFFFDyyyyyyyyyyyyyyyy");
      }
    }
  }
}

TEST(Header, deep_nesting_is_skipped) {
  const std::string deep(5000, '[');
  const auto header = scan_header(R"({"deep":)" + deep + std::string(5000, ']') + R"(,"msg_id":"a"})");
  ASSERT_TRUE(header) << header.error().message;
  EXPECT_TRUE(header->has_msg_id);
}

TEST(Header, a_latin_1_user_name_is_tolerated) {
  auto header = scan_header("{\"username\":\"J\xFCrg\",\"msg_id\":\"a\",\"x\":NaN}");
  ASSERT_TRUE(header) << header.error().message;
  EXPECT_EQ(header->username, "J\uFFFDrg");
  EXPECT_EQ(header->msg_id, "a");
}

TEST(Header, anything_but_an_object_is_refused) {
  for (const std::string_view json : {"",
                                      " ",
                                      "[]",
                                      "null",
                                      "1",
                                      "\"{}\"",
                                      "{",
                                      "}",
                                      "{}}",
                                      "{} {}",
                                      "{}x",
                                      "{\"a\"}",
                                      "{\"a\":}",
                                      "{\"a\":1,}",
                                      "{,}",
                                      "{\"a\":1 \"b\":2}",
                                      "{'a':1}",
                                      "{a:1}",
                                      "{\"a\":tru}",
                                      "{\"a\":[1 2]}",
                                      "{\"a\":[}]}",
                                      "{\"a\":01}",
                                      "{\"a\":\"\\x\"}",
                                      "{\"\\x\":\"a\"}",
                                      "{\"a\":\"b}",
                                      "{\"msg_id\":\"a\"",
                                      "{\"a\":{\"b\":tru}}",
                                      "\xEF\xBB\xBF{}"}) {
    const auto header = scan_header(json);
    ASSERT_FALSE(header) << json;
    EXPECT_EQ(header.error().code, ErrorCode::protocol);
    EXPECT_THAT(header.error().message, HasSubstr("JSON object"));
  }
}

TEST(Header, our_own_headers_have_every_field) {
  const auto json = make_header_json("kernel_info_request", "a \"quoted\" session");
  EXPECT_TRUE(is_valid_json(json));
  const auto header = scan_header(json);
  ASSERT_TRUE(header) << header.error().message;
  EXPECT_EQ(header->msg_type, "kernel_info_request");
  EXPECT_EQ(header->session, "a \"quoted\" session");
  EXPECT_EQ(header->msg_id.size(), 36U);
  EXPECT_TRUE(header->has_username && header->has_version && header->has_date);
  EXPECT_NE(json, make_header_json("kernel_info_request", "a \"quoted\" session")) << "the msg_id is fresh";
}

}  // namespace
}  // namespace nextgen_kernels
