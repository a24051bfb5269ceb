#include "wire/legacy_message.h"

#include <array>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wire/json.h"
#include "wire/message.h"
#include "wire/websocket_frame.h"

namespace nextgen_kernels {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view header =
    R"({"msg_id": "6d1c_3", "msg_type": "stream", "username": "ada", "session": "6d1c", )"
    R"("date": "2024-01-02T03:04:05.678901Z", "version": "5.3"})";
constexpr std::string_view parent =
    R"({"msg_id": "p1", "msg_type": "execute_request", "username": "ada", "session": "c1", )"
    R"("date": "2024-01-02T03:04:05.123456Z", "version": "5.3"})";

/// The legacy frame's opcode and payload.
WebSocketEvent legacy(std::array<std::string_view, 4> parts, std::vector<std::string_view> buffers = {}) {
  const auto message = Message::make(Channel::iopub, parts, buffers);
  EXPECT_TRUE(message);
  WebSocketDecoder decoder({.role = WebSocketDecoder::Role::client});
  decoder.feed((*message)->legacy_frame());
  auto event = decoder.next();
  EXPECT_TRUE(event);
  EXPECT_FALSE(decoder.next());
  return *event;
}

// Both expected values are what Jupyter Server 2.21 sends for the same frames of a kernel.
TEST(LegacyMessage, text_is_what_jupyter_server_sends) {
  const auto event = legacy({header, parent, "{}", R"({"name": "stdout", "text": "hi\n"})"});
  EXPECT_EQ(event.opcode, WebSocketOpcode::text);
  EXPECT_EQ(
      event.payload,
      R"({"header": {"msg_id": "6d1c_3", "msg_type": "stream", "username": "ada", "session": "6d1c", )"
      R"("date": "2024-01-02T03:04:05.678901Z", "version": "5.3"}, "msg_id": "6d1c_3", "msg_type": "stream", )"
      R"("parent_header": {"msg_id": "p1", "msg_type": "execute_request", "username": "ada", "session": "c1", )"
      R"("date": "2024-01-02T03:04:05.123456Z", "version": "5.3"}, "metadata": {}, )"
      R"("content": {"name": "stdout", "text": "hi\n"}, "buffers": [], "channel": "iopub"})");
}

TEST(LegacyMessage, binary_is_what_jupyter_server_sends) {
  const auto event =
      legacy({header, parent, "{}", R"({"a": 1})"}, {std::string_view("\0\xFF", 2), "", "end"});
  EXPECT_EQ(event.opcode, WebSocketOpcode::binary);
  const std::string expected =
      std::string("\0\0\0\x04\0\0\0\x14\0\0\x01\xAB\0\0\x01\xAD\0\0\x01\xAD", 20) +
      R"({"header": {"msg_id": "6d1c_3", "msg_type": "stream", "username": "ada", "session": "6d1c", )"
      R"("date": "2024-01-02T03:04:05.678901Z", "version": "5.3"}, "msg_id": "6d1c_3", "msg_type": "stream", )"
      R"("parent_header": {"msg_id": "p1", "msg_type": "execute_request", "username": "ada", "session": "c1", )"
      R"("date": "2024-01-02T03:04:05.123456Z", "version": "5.3"}, "metadata": {}, )"
      R"("content": {"a": 1}, "channel": "iopub"})" +
      std::string("\0\xFF", 2) + "end";
  EXPECT_EQ(event.payload, expected);
}

TEST(LegacyMessage, parts_are_spliced_as_they_came) {
  const auto event =
      legacy({header, parent, R"({ "b" : 1.500 })", R"({"u":"\u00e9","big":12345678901234567890123})"});
  EXPECT_THAT(event.payload, HasSubstr(R"("metadata": { "b" : 1.500 }, )"));
  EXPECT_THAT(event.payload, HasSubstr(R"("content": {"u":"\u00e9","big":12345678901234567890123}, )"));
}

TEST(LegacyMessage, what_browsers_refuse_is_repaired) {
  const auto event = legacy({header, parent, "{\"a\":-Infinity}", "{\"x\":NaN,\"y\":\"\xFF\\ud800\"}"});
  EXPECT_TRUE(is_valid_json(event.payload));
  EXPECT_THAT(event.payload, HasSubstr(R"("metadata": {"a":null})"));
  EXPECT_THAT(event.payload, HasSubstr("\"content\": {\"x\":null,\"y\":\"\uFFFD\\ufffd\"}"));
}

TEST(LegacyMessage, large_content_is_repaired_too) {
  const auto content = "{\"x\":NaN,\"y\":\"" + std::string(1'000'000, 'z') + "\"}";
  const auto event = legacy({header, parent, "{}", content});
  EXPECT_TRUE(is_valid_json(event.payload));
}

TEST(LegacyMessage, a_part_that_cannot_be_repaired_becomes_an_empty_object) {
  for (const std::string_view broken : {"", "null", "[]", "1", "{", "{\"a\":tru}", "{}{}"}) {
    const auto event = legacy({header, parent, broken, broken});
    EXPECT_THAT(event.payload, HasSubstr(R"("metadata": {}, "content": {}, )")) << broken;
    EXPECT_TRUE(is_valid_json(event.payload)) << broken;
  }
}

TEST(LegacyMessage, missing_header_fields_are_filled_in) {
  const auto event = legacy({R"({"msg_id": "m", "msg_type": "status", "extra": [1]})", "{}", "{}", "{}"});
  EXPECT_THAT(
      event.payload,
      StartsWith(
          R"({"header": {"msg_id": "m", "msg_type": "status", "extra": [1], "username": "", "session": "", )"
          R"("date": "2)"));
  EXPECT_THAT(event.payload, HasSubstr(R"("version": "5.4"}, "msg_id": "m", "msg_type": "status", )"));
  EXPECT_TRUE(is_valid_json(event.payload));
}

TEST(LegacyMessage, header_fields_of_a_wrong_type_are_replaced) {
  const auto event = legacy(
      {R"({"msg_id": 1, "msg_type": "status", "username": null, "session": "s", "version": 5.3, "date": "d"})",
       "{}", "{}", "{}"});
  EXPECT_THAT(event.payload,
              StartsWith(R"({"header": {"msg_type": "status", "session": "s", "date": "d", "msg_id": "", )"
                         R"("username": "", "version": "5.4"}, "msg_id": "", "msg_type": "status", )"));
}

TEST(LegacyMessage, an_empty_header_is_completed) {
  const auto event = legacy({"{}", "{}", "{}", "{}"});
  EXPECT_THAT(event.payload, StartsWith(R"({"header": {"msg_id": "", "msg_type": "", "username": "")"));
  EXPECT_THAT(event.payload, EndsWith(R"("channel": "iopub"})"));
  EXPECT_TRUE(is_valid_json(event.payload));
}

TEST(LegacyMessage, copies_of_escaped_fields_are_escaped) {
  const auto event = legacy({R"({"msg_id":"a\"b","msg_type":"\u0073tatus"})", "{}", "{}", "{}"});
  EXPECT_THAT(event.payload, HasSubstr(R"(, "msg_id": "a\"b", "msg_type": "status", )"));
}

TEST(LegacyMessage, is_rendered_once) {
  const auto message =
      Message::make(Channel::shell, std::array<std::string_view, 4>{"{}", "{}", "{}", "{}"}, {});
  ASSERT_TRUE(message);
  const auto first = (*message)->legacy_frame();
  EXPECT_EQ((*message)->legacy_frame().data(), first.data());
}

}  // namespace
}  // namespace nextgen_kernels
