#include "wire/outgoing_message.h"

#include <array>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wire/json.h"
#include "wire/message.h"

namespace nextgen_kernels {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::string_view header =
    R"({"msg_id":"m1","msg_type":"execute_request","session":"s1","subshell_id":"sub"})";
constexpr std::string_view legacy_json =
    R"({"channel":"control","header":{"msg_id":"m1","msg_type":"debug_request"},"parent_header":{ "a" : 1 },)"
    R"("metadata":{"cellId":"c1"},"content":{"x":[1.50,"\u00e9"]},"buffers":[]})";

std::string v1_payload(std::span<const std::string_view> buffers = {}, std::string_view metadata = "{}") {
  const auto message = Message::make(
      Channel::shell, std::array<std::string_view, 4>{header, "{}", metadata, "opaque"}, buffers);
  EXPECT_TRUE(message);
  return std::string((*message)->v1_payload());
}

/// The payload with its `index`th number (0: the offset count) replaced.
std::string with_number(std::string payload, std::size_t index, std::uint64_t value) {
  for (std::size_t i = 0; i < 8; ++i) payload[index * 8 + i] = static_cast<char>(value >> (8 * i) & 0xFF);
  return payload;
}

std::string big_endian(std::vector<std::uint32_t> numbers) {
  std::string bytes;
  for (const auto number : numbers)
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(number >> shift & 0xFF);
  return bytes;
}

std::string legacy_binary(std::string_view json, std::string_view first, std::string_view second) {
  const auto json_end = static_cast<std::uint32_t>(16 + json.size());
  return big_endian({3, 16, json_end, json_end + static_cast<std::uint32_t>(first.size())}) +
         std::string(json) + std::string(first) + std::string(second);
}

TEST(OutgoingMessage, v1_messages_are_decoded) {
  const std::array<std::string_view, 2> buffers{std::string_view("\0\1", 2), ""};
  const auto message = decode_v1_message(v1_payload(buffers, R"({"cellId":"c1","n":[1]})"));
  ASSERT_TRUE(message) << message.error().message;
  EXPECT_EQ(message->channel, Channel::shell);
  EXPECT_THAT(message->parts, ElementsAre(header, "{}", R"({"cellId":"c1","n":[1]})", "opaque"));
  EXPECT_THAT(message->buffers, ElementsAre(buffers[0], buffers[1]));
  EXPECT_EQ(message->header.msg_id, "m1");
  EXPECT_EQ(message->header.msg_type, "execute_request");
  EXPECT_EQ(message->header.session, "s1");
  EXPECT_EQ(message->header.subshell_id, "sub");
  EXPECT_EQ(message->cell_id, "c1");
}

TEST(OutgoingMessage, views_survive_moves_and_copies) {
  auto decoded = decode_v1_message(v1_payload());
  ASSERT_TRUE(decoded);
  const OutgoingMessage copy = *decoded;
  const OutgoingMessage moved = std::move(*decoded);
  decoded = make_request(Channel::shell, "other", "{}", "s");
  for (const auto& message : {copy, moved}) {
    EXPECT_EQ(message.parts[0], header);
    EXPECT_EQ(message.header.msg_id, "m1");
  }
}

TEST(OutgoingMessage, every_channel_of_the_wire_is_known) {
  for (const auto& [channel, known] : std::vector<std::pair<Channel, bool>>{{Channel::shell, true},
                                                                            {Channel::control, true},
                                                                            {Channel::iopub, true},
                                                                            {Channel::stdin_, true},
                                                                            {Channel::heartbeat, false}}) {
    const auto message =
        Message::make(channel, std::array<std::string_view, 4>{header, "{}", "{}", "{}"}, {});
    ASSERT_TRUE(message);
    const auto decoded = decode_v1_message(std::string((*message)->v1_payload()));
    EXPECT_EQ(decoded.has_value(), known) << to_string(channel);
    if (decoded) EXPECT_EQ(decoded->channel, channel);
  }
}

TEST(OutgoingMessage, v1_offsets_are_checked) {
  const auto payload = v1_payload();
  const auto size = payload.size();
  const std::vector<std::pair<std::string, std::string>> malformed{
      {"empty", ""},
      {"shorter than the count", payload.substr(0, 7)},
      {"shorter than the offsets", payload.substr(0, 20)},
      {"no offsets", with_number(payload, 0, 0)},
      {"too few offsets", with_number(payload, 0, 5)},
      {"more offsets than bytes", with_number(payload, 0, 1000)},
      {"a count that overflows", with_number(payload, 0, 0x2000000000000000)},
      {"the largest count", with_number(payload, 0, UINT64_MAX)},
      {"first offset in the table", with_number(payload, 1, 48)},
      {"first offset late", with_number(payload, 1, 57)},
      {"offset before the one before", with_number(payload, 3, 60)},
      {"offset beyond the end", with_number(payload, 3, size + 1)},
      {"largest offset", with_number(payload, 3, UINT64_MAX)},
      {"last offset early", with_number(payload, 6, size - 1)},
      {"last offset late", with_number(payload, 6, size + 1)},
      {"bytes after the end", payload + "x"},
      {"bytes missing at the end", payload.substr(0, size - 1)},
  };
  for (const auto& [what, bytes] : malformed) {
    const auto decoded = decode_v1_message(bytes);
    ASSERT_FALSE(decoded) << what;
    EXPECT_EQ(decoded.error().code, ErrorCode::protocol) << what;
    EXPECT_THAT(decoded.error().message, HasSubstr("v1 message")) << what;
  }
}

TEST(OutgoingMessage, an_unknown_v1_channel_is_refused) {
  auto payload = v1_payload();
  payload[56] = 'S';
  const auto decoded = decode_v1_message(payload);
  ASSERT_FALSE(decoded);
  EXPECT_THAT(decoded.error().message, HasSubstr("channel"));
}

TEST(OutgoingMessage, every_cut_of_a_v1_message_is_refused) {
  const auto payload = v1_payload();
  for (std::size_t size = 0; size < payload.size(); ++size)
    EXPECT_FALSE(decode_v1_message(payload.substr(0, size))) << size;
}

TEST(OutgoingMessage, the_header_must_have_an_id_and_a_type) {
  for (const std::string_view bad :
       {"{}", "[]", "", R"({"msg_id":"a"})", R"({"msg_type":"a"})", R"({"msg_id":1,"msg_type":"a"})"}) {
    const auto json = R"({"channel":"shell","header":)" + std::string(bad.empty() ? "0" : bad) + "}";
    EXPECT_FALSE(decode_legacy_text(json)) << json;
    const auto message =
        Message::make(Channel::shell, std::array<std::string_view, 4>{bad, "{}", "{}", "{}"}, {});
    if (message) EXPECT_FALSE(decode_v1_message(std::string((*message)->v1_payload()))) << bad;
  }
}

TEST(OutgoingMessage, legacy_parts_are_slices_of_the_text) {
  const auto message = decode_legacy_text(std::string(legacy_json));
  ASSERT_TRUE(message) << message.error().message;
  EXPECT_EQ(message->channel, Channel::control);
  EXPECT_THAT(message->parts, ElementsAre(R"({"msg_id":"m1","msg_type":"debug_request"})", R"({ "a" : 1 })",
                                          R"({"cellId":"c1"})", R"({"x":[1.50,"\u00e9"]})"));
  EXPECT_THAT(message->buffers, IsEmpty());
  EXPECT_EQ(message->cell_id, "c1");
}

TEST(OutgoingMessage, legacy_omissions_are_tolerated) {
  for (const std::string_view rest :
       {"", R"(,"channel":null)", R"(,"parent_header":null,"metadata":null,"content":null)",
        R"(,"buffers":{})", R"(,"buffers":[])", R"(,"msg_id":"x","msg_type":"y","unknown":[{"header":1}])"}) {
    const auto message =
        decode_legacy_text(R"({"header":{"msg_id":"m","msg_type":"t"})" + std::string(rest) + "}");
    ASSERT_TRUE(message) << rest << message.error().message;
    EXPECT_EQ(message->channel, Channel::shell);
    EXPECT_THAT(message->parts, ElementsAre(R"({"msg_id":"m","msg_type":"t"})", "{}", "{}", "{}"));
    EXPECT_EQ(message->cell_id, "");
  }
}

TEST(OutgoingMessage, broken_legacy_messages_are_refused) {
  for (const std::string_view text :
       {"", " ", "null", "[]", "{", "{}", "{\"header\":null}", "{\"header\":[]}", "{\"header\":\"{}\"}",
        R"({"header":{"msg_id":"m","msg_type":"t"},"content":[]})",
        R"({"header":{"msg_id":"m","msg_type":"t"},"metadata":1})",
        R"({"header":{"msg_id":"m","msg_type":"t"},"parent_header":"a"})",
        R"({"header":{"msg_id":"m","msg_type":"t"},"content":{]})",
        R"({"header":{"msg_id":"m","msg_type":"t"}} trailing)"}) {
    const auto message = decode_legacy_text(std::string(text));
    ASSERT_FALSE(message) << text;
    EXPECT_EQ(message.error().code, ErrorCode::protocol);
  }
}

TEST(OutgoingMessage, unknown_channels_are_told_from_malformed_messages) {
  for (const std::string_view channel : {"hb", "x", ""}) {
    const auto legacy = decode_legacy_text(
        fmt::format(R"({{"header":{{"msg_id":"m","msg_type":"t"}},"channel":"{}"}})", channel));
    ASSERT_FALSE(legacy) << channel;
    EXPECT_EQ(legacy.error().code, ErrorCode::not_found);
  }
  auto other_name = v1_payload();
  other_name[56] = 'S';
  const auto no_name = with_number(v1_payload(), 2, 56);
  EXPECT_EQ(decode_v1_message(other_name).error().code, ErrorCode::not_found);
  EXPECT_EQ(decode_v1_message(no_name).error().code, ErrorCode::not_found);
}

TEST(OutgoingMessage, what_python_clients_write_is_repaired) {
  const auto message = decode_legacy_text(
      "{\"header\":{\"msg_id\":\"m\",\"msg_type\":\"t\"},\"content\":{\"a\":NaN,\"b\":\"\xFF\"}}");
  ASSERT_TRUE(message) << message.error().message;
  EXPECT_EQ(message->parts[3], "{\"a\":null,\"b\":\"\uFFFD\"}");
  EXPECT_EQ(message->header.msg_id, "m");
}

TEST(OutgoingMessage, legacy_binary_messages_are_decoded) {
  const auto message = decode_legacy_binary(legacy_binary(legacy_json, std::string_view("\0\xFF", 2), ""));
  ASSERT_TRUE(message) << message.error().message;
  EXPECT_EQ(message->channel, Channel::control);
  EXPECT_EQ(message->header.msg_type, "debug_request");
  EXPECT_THAT(message->buffers, ElementsAre(std::string_view("\0\xFF", 2), ""));
}

TEST(OutgoingMessage, buffers_in_json_are_refused) {
  const auto with_buffers = [](const std::string& buffers) {
    return R"({"header":{"msg_id":"m","msg_type":"comm_msg"},"buffers":)" + buffers + "}";
  };
  for (const auto* nothing : {"null", "[]", "[ ]", "{}", R"("")"})
    EXPECT_TRUE(decode_legacy_text(with_buffers(nothing))) << nothing;
  for (const auto* something :
       {"[[1,2,255]]", R"(["YWJj"])", "[null]", R"({"0":1})", R"("YWJj")", "1", "[{}]"}) {
    const auto refused = decode_legacy_text(with_buffers(something));
    ASSERT_FALSE(refused) << something;
    EXPECT_THAT(refused.error().message, HasSubstr("send it as a binary message"));
  }
  EXPECT_TRUE(decode_legacy_binary(legacy_binary(with_buffers("[null]"), "real", "")));
}

TEST(OutgoingMessage, buffers_stay_valid_when_the_json_is_repaired) {
  const auto message = decode_legacy_binary(
      legacy_binary(R"({"header":{"msg_id":"m","msg_type":"t"},"content":{"a":NaN}})", "first", "second"));
  ASSERT_TRUE(message) << message.error().message;
  EXPECT_EQ(message->parts[3], R"({"a":null})");
  EXPECT_THAT(message->buffers, ElementsAre("first", "second"));
}

TEST(OutgoingMessage, binary_messages_that_a_proxy_sent_as_text_are_decoded) {
  const auto message = decode_legacy_text(legacy_binary(legacy_json, "\xFF\xFE", "b"));
  ASSERT_TRUE(message) << message.error().message;
  EXPECT_THAT(message->buffers, ElementsAre("\xFF\xFE", "b"));
}

TEST(OutgoingMessage, legacy_offsets_are_checked) {
  const auto payload = legacy_binary(legacy_json, "first", "second");
  const auto replace = [&payload](std::size_t index, std::uint32_t value) {
    return big_endian({value}).insert(0, payload.substr(0, index * 4)) + payload.substr(index * 4 + 4);
  };
  const auto size = static_cast<std::uint32_t>(payload.size());
  const std::vector<std::pair<std::string, std::string>> malformed{
      {"empty", ""},
      {"count only", payload.substr(0, 4)},
      {"cut in the offsets", payload.substr(0, 12)},
      {"no segments", replace(0, 0)},
      {"more segments than bytes", replace(0, size)},
      {"the largest count", replace(0, UINT32_MAX)},
      {"first offset in the table", replace(1, 12)},
      {"first offset late", replace(1, 17)},
      {"second before first", replace(2, 15)},
      {"third before second", replace(3, 17)},
      {"beyond the end", replace(3, size + 1)},
      {"json cut", replace(2, 30)},
  };
  for (const auto& [what, bytes] : malformed) {
    const auto decoded = decode_legacy_binary(bytes);
    ASSERT_FALSE(decoded) << what;
    EXPECT_EQ(decoded.error().code, ErrorCode::protocol) << what;
  }
}

TEST(OutgoingMessage, our_own_requests_are_complete) {
  const auto in_subshell = make_request(Channel::shell, "kernel_info_request", "{}", "s1", "sub");
  ASSERT_TRUE(in_subshell) << in_subshell.error().message;
  EXPECT_EQ(in_subshell->header.subshell_id, "sub");
  const auto request = make_request(Channel::control, "shutdown_request", R"({"restart": false})", "s1");
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->channel, Channel::control);
  EXPECT_EQ(request->header.msg_type, "shutdown_request");
  EXPECT_EQ(request->header.session, "s1");
  EXPECT_EQ(request->header.msg_id.size(), 36U);
  EXPECT_TRUE(request->header.has_username && request->header.has_date && request->header.has_version);
  EXPECT_EQ(request->parts[1], "{}");
  EXPECT_EQ(request->parts[2], "{}");
  EXPECT_EQ(request->parts[3], R"({"restart": false})");
}

}  // namespace
}  // namespace nextgen_kernels
