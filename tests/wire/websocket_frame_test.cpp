#include "wire/websocket_frame.h"

#include <array>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nextgen_kernels {
namespace {

using testing::HasSubstr;

using Role = WebSocketDecoder::Role;
using TextValidation = WebSocketDecoder::TextValidation;
using Opcode = WebSocketOpcode;

constexpr std::array<char, 4> mask{'\x37', '\xFA', '\x21', '\x3D'};

std::string bytes(std::initializer_list<int> values) {
  std::string text;
  for (const int value : values) text += static_cast<char>(value);
  return text;
}

std::string masked(Opcode opcode, std::string_view payload) {
  return encode_masked_websocket_frame(opcode, payload, mask);
}

/// A masked frame that is not its message's last.
std::string fragment(Opcode opcode, std::string_view payload) {
  auto frame = masked(opcode, payload);
  frame[0] = static_cast<char>(frame[0] & 0x7F);
  return frame;
}

std::vector<WebSocketEvent> drain(WebSocketDecoder& decoder) {
  std::vector<WebSocketEvent> events;
  while (auto event = decoder.next()) events.push_back(std::move(*event));
  return events;
}

/// The events as "opcode:payload" or "close:code:reason".
std::vector<std::string> describe(const std::vector<WebSocketEvent>& events) {
  std::vector<std::string> texts;
  for (const auto& event : events) {
    const auto opcode = std::to_string(static_cast<int>(event.opcode));
    texts.push_back(event.opcode == Opcode::close
                        ? "close:" + std::to_string(event.close_code) + ":" + event.payload
                        : opcode + ":" + event.payload);
  }
  return texts;
}

std::vector<std::string> decode(std::string_view stream, WebSocketDecoder::Options options = {}) {
  WebSocketDecoder decoder(options);
  decoder.feed(stream);
  EXPECT_FALSE(decoder.failure()) << decoder.failure()->message;
  return describe(drain(decoder));
}

/// The close code the stream leads to, 0 for none.
int failure_code(std::string_view stream, WebSocketDecoder::Options options = {}) {
  WebSocketDecoder decoder(options);
  decoder.feed(stream);
  return decoder.failure() ? decoder.failure()->close_code : 0;
}

// The examples of RFC 6455 §5.7.
TEST(WebSocketFrame, examples_of_the_rfc_are_encoded) {
  EXPECT_EQ(encode_websocket_frame(Opcode::text, "Hello"), bytes({0x81, 0x05}) + "Hello");
  EXPECT_EQ(encode_masked_websocket_frame(Opcode::text, "Hello", mask),
            bytes({0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58}));
  EXPECT_EQ(encode_websocket_frame(Opcode::ping, "Hello"), bytes({0x89, 0x05}) + "Hello");
  EXPECT_EQ(encode_websocket_frame(Opcode::binary, std::string(256, 'x')),
            bytes({0x82, 0x7E, 0x01, 0x00}) + std::string(256, 'x'));
  EXPECT_EQ(encode_websocket_frame(Opcode::binary, std::string(65'536, 'x')).substr(0, 10),
            bytes({0x82, 0x7F, 0, 0, 0, 0, 0, 1, 0, 0}));
}

TEST(WebSocketFrame, examples_of_the_rfc_are_decoded) {
  EXPECT_EQ(decode(bytes({0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58})),
            std::vector<std::string>{"1:Hello"});
  const WebSocketDecoder::Options client{.role = Role::client};
  EXPECT_EQ(decode(bytes({0x81, 0x05}) + "Hello", client), std::vector<std::string>{"1:Hello"});
  EXPECT_EQ(decode(bytes({0x01, 0x03}) + "Hel" + bytes({0x80, 0x02}) + "lo", client),
            std::vector<std::string>{"1:Hello"});
}

TEST(WebSocketFrame, accept_key_is_that_of_the_rfc) {
  EXPECT_EQ(websocket_accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(WebSocketFrame, header_sizes_change_where_the_rfc_says) {
  for (const auto& [payload, header] : std::vector<std::pair<std::size_t, std::size_t>>{
           {0, 2}, {125, 2}, {126, 4}, {65'535, 4}, {65'536, 10}, {std::size_t{1} << 40, 10}}) {
    EXPECT_EQ(websocket_header_size(payload), header) << payload;
    EXPECT_EQ(WebSocketFrameHeader(Opcode::binary, payload).view().size(), header) << payload;
  }
}

TEST(WebSocketFrame, masks_apply_at_every_alignment_and_length) {
  const std::string plain = "0123456789abcdefghijklmnopqrstuvwxyz";
  for (std::size_t start = 0; start < 9; ++start) {
    for (std::size_t size = 0; start + size <= plain.size(); ++size) {
      for (std::size_t phase = 0; phase < 5; ++phase) {
        auto expected = plain;
        for (std::size_t i = 0; i < size; ++i)
          expected[start + i] = static_cast<char>(expected[start + i] ^ mask[(phase + i) % 4]);
        auto actual = plain;
        apply_websocket_mask(actual.data() + start, size, mask, phase);
        ASSERT_EQ(actual, expected) << start << ' ' << size << ' ' << phase;
      }
    }
  }
}

TEST(WebSocketDecoder, every_payload_size_round_trips) {
  for (const std::size_t size : {0, 1, 7, 125, 126, 127, 65'535, 65'536, 3'000'000}) {
    std::string payload(size, '\0');
    for (std::size_t i = 0; i < size; ++i) payload[i] = static_cast<char>(i * 31);
    WebSocketDecoder server({});
    server.feed(masked(Opcode::binary, payload));
    const auto event = server.next();
    ASSERT_TRUE(event) << size;
    EXPECT_TRUE(event->payload == payload) << size;
    WebSocketDecoder client({.role = Role::client});
    client.feed(encode_websocket_frame(Opcode::binary, payload));
    EXPECT_TRUE(client.next()->payload == payload) << size;
  }
}

TEST(WebSocketDecoder, events_do_not_depend_on_how_the_stream_is_cut) {
  const auto stream = masked(Opcode::text, "first") + fragment(Opcode::binary, "se") +
                      masked(Opcode::ping, "?") + fragment(Opcode::continuation, "") +
                      fragment(Opcode::continuation, std::string(130, 'c')) + masked(Opcode::pong, "") +
                      masked(Opcode::continuation, "ond") + masked(Opcode::text, "") +
                      masked(Opcode::close, close_payload(1000, "bye"));
  const std::vector<std::string> expected{
      "1:first", "9:?", "10:", "2:se" + std::string(130, 'c') + "ond", "1:", "close:1000:bye"};
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    WebSocketDecoder decoder({});
    decoder.feed(std::string_view(stream).substr(0, cut));
    decoder.feed(std::string_view(stream).substr(cut));
    ASSERT_EQ(describe(drain(decoder)), expected) << cut;
  }
  WebSocketDecoder decoder({});
  for (const char c : stream) decoder.feed({&c, 1});
  EXPECT_EQ(describe(drain(decoder)), expected);
}

TEST(WebSocketDecoder, events_may_be_taken_between_feeds) {
  WebSocketDecoder decoder({});
  EXPECT_FALSE(decoder.next());
  decoder.feed(masked(Opcode::text, "a") + masked(Opcode::text, "b"));
  EXPECT_EQ(decoder.next()->payload, "a");
  decoder.feed(masked(Opcode::text, "c"));
  EXPECT_EQ(decoder.next()->payload, "b");
  EXPECT_EQ(decoder.next()->payload, "c");
  EXPECT_FALSE(decoder.next());
}

TEST(WebSocketDecoder, violations_are_protocol_errors) {
  const std::vector<std::pair<std::string, std::string>> violations{
      {"unmasked", encode_websocket_frame(Opcode::text, "x")},
      {"reserved bit 1", bytes({0xC1, 0x80, 0, 0, 0, 0})},
      {"reserved bit 2", bytes({0xA1, 0x80, 0, 0, 0, 0})},
      {"reserved bit 3", bytes({0x91, 0x80, 0, 0, 0, 0})},
      {"opcode 3", bytes({0x83, 0x80, 0, 0, 0, 0})},
      {"opcode 7", bytes({0x87, 0x80, 0, 0, 0, 0})},
      {"opcode 11", bytes({0x8B, 0x80, 0, 0, 0, 0})},
      {"opcode 15", bytes({0x8F, 0x80, 0, 0, 0, 0})},
      {"fragmented ping", bytes({0x09, 0x80, 0, 0, 0, 0})},
      {"fragmented close", bytes({0x08, 0x80, 0, 0, 0, 0})},
      {"long ping", masked(Opcode::ping, std::string(126, 'x'))},
      {"continuation of nothing", masked(Opcode::continuation, "x")},
      {"message inside a message", fragment(Opcode::text, "a") + masked(Opcode::text, "b")},
      {"continuation after the end",
       fragment(Opcode::text, "a") + masked(Opcode::continuation, "b") + masked(Opcode::continuation, "c")},
      {"16-bit length of a short frame", bytes({0x82, 0xFE, 0, 125, 0, 0, 0, 0})},
      {"64-bit length of a short frame", bytes({0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0, 0, 0})},
      {"64-bit length with the high bit", bytes({0x82, 0xFF, 0x80, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0})},
      {"close with half a code", masked(Opcode::close, "x")},
  };
  for (const auto& [what, stream] : violations) EXPECT_EQ(failure_code(stream), 1002) << what;
  EXPECT_EQ(failure_code(masked(Opcode::text, "x"), {.role = Role::client}), 1002);
}

TEST(WebSocketDecoder, what_came_before_a_violation_is_delivered) {
  WebSocketDecoder decoder({});
  decoder.feed(masked(Opcode::text, "good") + bytes({0x83, 0x80, 0, 0, 0, 0}) + masked(Opcode::text, "late"));
  EXPECT_EQ(describe(drain(decoder)), std::vector<std::string>{"1:good"});
  ASSERT_TRUE(decoder.failure());
  EXPECT_THAT(decoder.failure()->message, HasSubstr("opcode 3"));
  decoder.feed(masked(Opcode::text, "later"));
  EXPECT_FALSE(decoder.next());
}

TEST(WebSocketDecoder, close_codes_are_checked) {
  for (const int code : {1000, 1001, 1002, 1003, 1007, 1008, 1011, 1012, 1014, 3000, 4999})
    EXPECT_EQ(decode(masked(Opcode::close, close_payload(static_cast<std::uint16_t>(code), "why"))),
              std::vector<std::string>{"close:" + std::to_string(code) + ":why"});
  for (const int code : {0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65'535})
    EXPECT_EQ(failure_code(masked(Opcode::close, close_payload(static_cast<std::uint16_t>(code), ""))), 1002)
        << code;
  EXPECT_EQ(decode(masked(Opcode::close, "")), std::vector<std::string>{"close:1005:"});
  EXPECT_EQ(failure_code(masked(Opcode::close, close_payload(1000, "\xFF"))), 1007);
}

TEST(WebSocketDecoder, nothing_is_read_after_a_close) {
  EXPECT_EQ(decode(masked(Opcode::close, "") + masked(Opcode::text, "late") + bytes({0xFF, 0xFF})),
            std::vector<std::string>{"close:1005:"});
}

TEST(WebSocketDecoder, text_is_checked_only_when_asked) {
  const auto stream =
      fragment(Opcode::text, "\xC3") + masked(Opcode::continuation, "\xA9") + masked(Opcode::text, "\xFF");
  EXPECT_EQ(decode(stream), (std::vector<std::string>{"1:é", "1:\xFF"}));
  EXPECT_EQ(failure_code(stream, {.text_validation = TextValidation::utf8}), 1007);
  EXPECT_EQ(failure_code(masked(Opcode::binary, "\xFF"), {.text_validation = TextValidation::utf8}), 0);
}

TEST(WebSocketDecoder, messages_beyond_the_limit_are_refused_by_their_header) {
  const WebSocketDecoder::Options limited{.max_message_size = 10};
  EXPECT_EQ(failure_code(masked(Opcode::text, std::string(10, 'x')), limited), 0);
  EXPECT_EQ(failure_code(masked(Opcode::text, std::string(11, 'x')).substr(0, 6), limited), 1009);
  EXPECT_EQ(failure_code(fragment(Opcode::text, "123456") + masked(Opcode::continuation, "7890"), limited),
            0);
  EXPECT_EQ(failure_code(fragment(Opcode::text, "123456") + masked(Opcode::continuation, "78901"), limited),
            1009);
  EXPECT_EQ(failure_code(masked(Opcode::ping, std::string(100, 'x')), limited), 0)
      << "control frames do not count";
  EXPECT_EQ(failure_code(bytes({0x82, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0})),
            1009);
}

TEST(WebSocketFrame, close_reasons_are_cut_at_a_character) {
  EXPECT_EQ(close_payload(1012, "restarting"), bytes({0x03, 0xF4}) + "restarting");
  EXPECT_EQ(close_payload(1000, std::string(200, 'x')).size(), 125U);
  std::string reason(122, 'x');
  reason += "é";
  EXPECT_EQ(close_payload(1000, reason), bytes({0x03, 0xE8}) + std::string(122, 'x'));
}

}  // namespace
}  // namespace nextgen_kernels
