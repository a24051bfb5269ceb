#include <string>
#include <vector>

#include "fuzzing.h"
#include "wire/websocket_frame.h"

using namespace nextgen_kernels;

namespace {

constexpr std::size_t max_message_size = 4096;

std::vector<WebSocketEvent> drain(WebSocketDecoder& decoder) {
  std::vector<WebSocketEvent> events;
  while (auto event = decoder.next()) events.push_back(std::move(*event));
  return events;
}

/// What the peer that sent this event would send to send it again, in one frame.
std::string encode(const WebSocketEvent& event, WebSocketDecoder::Role role) {
  auto payload = event.payload;
  if (event.opcode == WebSocketOpcode::close)
    payload =
        event.close_code == websocket_close::no_status ? "" : close_payload(event.close_code, event.payload);
  return role == WebSocketDecoder::Role::server
             ? encode_masked_websocket_frame(event.opcode, payload, {1, 2, 3, 4})
             : encode_websocket_frame(event.opcode, payload);
}

void require_equal(const std::vector<WebSocketEvent>& left, const std::vector<WebSocketEvent>& right) {
  require(left.size() == right.size());
  for (std::size_t i = 0; i < left.size(); ++i)
    require(left[i].opcode == right[i].opcode && left[i].payload == right[i].payload &&
            left[i].close_code == right[i].close_code);
}

}  // namespace

// Events do not depend on how the stream is cut, and survive being encoded and decoded again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const WebSocketDecoder::Options options{
      .role = (data[0] & 1) != 0 ? WebSocketDecoder::Role::client : WebSocketDecoder::Role::server,
      .text_validation = (data[0] & 2) != 0 ? WebSocketDecoder::TextValidation::utf8
                                            : WebSocketDecoder::TextValidation::none,
      .max_message_size = max_message_size};
  const auto stream = as_text(data + 1, size - 1);
  WebSocketDecoder whole(options);
  whole.feed(stream);
  const auto events = drain(whole);
  WebSocketDecoder bytewise(options);
  for (std::size_t i = 0; i < stream.size(); ++i) bytewise.feed(stream.substr(i, 1));
  require_equal(events, drain(bytewise));
  require(whole.failure().has_value() == bytewise.failure().has_value());
  WebSocketDecoder again(options);
  for (const auto& event : events) {
    require(event.payload.size() <= max_message_size);
    again.feed(encode(event, options.role));
  }
  require_equal(events, drain(again));
  require(!again.failure());
  return 0;
}
