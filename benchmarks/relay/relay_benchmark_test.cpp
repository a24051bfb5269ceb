#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "latencies.h"
#include "v1_message.h"
#include "web_socket_frame.h"

namespace nextgen_kernels::benchmarks {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

TEST(web_socket_frame, headers_carry_sizes_of_every_width) {
  for (const std::size_t size : {0, 1, 125, 126, 65'535, 65'536, 70'000}) {
    const auto frame = server_frame(Opcode::binary, std::string(size, 'x'));
    const auto header = parse_frame_header(frame);
    ASSERT_TRUE(header) << size;
    EXPECT_EQ(header->payload_size, size);
    EXPECT_EQ(header->header_size + size, frame.size());
    EXPECT_FALSE(header->mask);
  }
}

TEST(web_socket_frame, a_client_frame_unmasks_to_its_payload) {
  const auto frame = client_frame(Opcode::ping, "hello");
  const auto header = parse_frame_header(frame);
  ASSERT_TRUE(header && header->mask);
  EXPECT_EQ(header->opcode, Opcode::ping);
  EXPECT_EQ(unmasked(frame.substr(header->header_size), *header->mask), "hello");
}

TEST(web_socket_frame, an_incomplete_header_needs_more_bytes) {
  const auto frame = client_frame(Opcode::binary, std::string(70'000, 'x'));
  for (std::size_t size = 0; size < 14; ++size)
    EXPECT_FALSE(parse_frame_header(frame.substr(0, size))) << size;
  EXPECT_TRUE(parse_frame_header(frame.substr(0, 14)));
}

TEST(web_socket_frame, accepts_the_key_of_rfc_6455) {
  EXPECT_EQ(web_socket_accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(web_socket_frame, http_fields_are_found_in_any_case) {
  constexpr std::string_view head = "GET / HTTP/1.1\r\nHost: a:1\r\nsec-websocket-KEY:  k \r\n\r\n";
  EXPECT_EQ(http_field(head, "Sec-WebSocket-Key"), "k");
  EXPECT_EQ(http_field(head, "Host"), "a:1");
  EXPECT_EQ(http_field(head, "Origin"), "");
}

TEST(v1_message, survives_encoding_and_decoding) {
  const auto payload =
      encode_v1("shell", {.header = "{h}", .parent_header = "{p}", .metadata = "{}", .content = "{content}"});
  const auto message = decode_v1(payload);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->channel, "shell");
  EXPECT_EQ(message->header, "{h}");
  EXPECT_EQ(message->parent_header, "{p}");
  EXPECT_EQ(message->metadata, "{}");
  EXPECT_EQ(message->content, "{content}");
}

TEST(v1_message, offsets_that_do_not_fit_are_refused) {
  const auto payload = encode_v1("iopub", {.header = "{}"});
  for (std::size_t size = 0; size < payload.size(); ++size)
    EXPECT_FALSE(decode_v1(payload.substr(0, size))) << size;
  for (std::size_t word = 0; word < 7; ++word) {
    auto broken = payload;
    broken[word * 8 + 7] = '\xff';
    EXPECT_EQ(decode_v1(broken).has_value(), word == 0) << word;  // More offsets than parts are buffers.
  }
}

TEST(latencies, percentiles_are_of_the_sorted_row) {
  std::vector<Clock::duration> latencies;
  for (int i = 101; i > 0; --i) latencies.push_back(i * 1us);
  EXPECT_EQ(latency_report(latencies), R"({"count": 101, "p50_us": 51.0, "p99_us": 100.0})");
}

}  // namespace
}  // namespace nextgen_kernels::benchmarks
