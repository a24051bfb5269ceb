#include "wire/websocket_frame.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "wire/byte_order.h"
#include "wire/digest.h"
#include "wire/json.h"

namespace nextgen_kernels {
namespace {

constexpr std::uint8_t final_bit = 0x80;
constexpr std::uint8_t reserved_bits = 0x70;
constexpr std::uint8_t opcode_bits = 0x0F;
constexpr std::uint8_t mask_bit = 0x80;
constexpr std::uint8_t length_bits = 0x7F;
constexpr std::uint8_t length_is_16_bit = 126;
constexpr std::uint8_t length_is_64_bit = 127;
constexpr std::size_t mask_size = 4;
constexpr std::size_t largest_control_payload = 125;
/// Memory taken on the word of a header alone; more only follows bytes that have come.
constexpr std::size_t largest_unproven_reserve = std::size_t{1024} * 1024;

std::uint8_t as_byte(char c) {
  return static_cast<std::uint8_t>(c);
}

/// Codes that may stand in a close frame: RFC 6455 §7.4, and IANA's registry up to 1014.
bool is_valid_close_code(std::uint16_t code) {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

bool is_known_opcode(std::uint8_t opcode) {
  return opcode <= 0x2 || (opcode >= 0x8 && opcode <= 0xA);
}

/// The size of a frame's header, which its second byte tells.
std::size_t header_size_of(std::uint8_t second) {
  const auto length = second & length_bits;
  const std::size_t extended = length == length_is_64_bit ? 8 : length == length_is_16_bit ? 2 : 0;
  return 2 + extended + ((second & mask_bit) != 0 ? mask_size : 0);
}

}  // namespace

WebSocketFrameHeader::WebSocketFrameHeader(WebSocketOpcode opcode, std::size_t payload_size)
    : size_(websocket_header_size(payload_size)) {
  bytes_[0] = static_cast<char>(final_bit | static_cast<std::uint8_t>(opcode));
  if (payload_size < length_is_16_bit) {
    bytes_[1] = static_cast<char>(payload_size);
  } else if (payload_size <= 0xFFFF) {
    bytes_[1] = length_is_16_bit;
    store<std::uint16_t, std::endian::big>(&bytes_[2], static_cast<std::uint16_t>(payload_size));
  } else {
    bytes_[1] = length_is_64_bit;
    store<std::uint64_t, std::endian::big>(&bytes_[2], payload_size);
  }
}

std::size_t websocket_header_size(std::size_t payload_size) {
  if (payload_size < length_is_16_bit) return 2;
  return payload_size <= 0xFFFF ? 4 : 10;
}

std::string encode_websocket_frame(WebSocketOpcode opcode, std::string_view payload) {
  const WebSocketFrameHeader header(opcode, payload.size());
  std::string frame;
  frame.reserve(header.view().size() + payload.size());
  return frame.append(header.view()).append(payload);
}

std::string encode_masked_websocket_frame(WebSocketOpcode opcode, std::string_view payload,
                                          std::array<char, 4> mask) {
  const WebSocketFrameHeader header(opcode, payload.size());
  std::string frame;
  frame.reserve(header.view().size() + mask_size + payload.size());
  frame.append(header.view()).append(mask.data(), mask.size()).append(payload);
  frame[1] = static_cast<char>(as_byte(frame[1]) | mask_bit);
  apply_websocket_mask(frame.data() + frame.size() - payload.size(), payload.size(), mask, 0);
  return frame;
}

std::string close_payload(std::uint16_t code, std::string_view reason) {
  std::string payload(2, '\0');
  store<std::uint16_t, std::endian::big>(payload.data(), code);
  auto size = std::min(reason.size(), largest_control_payload - payload.size());
  while (size < reason.size() && size > 0 && (as_byte(reason[size]) & 0xC0) == 0x80) --size;
  return payload.append(reason.substr(0, size));
}

std::string websocket_accept_key(std::string_view sec_websocket_key) {
  return sha1_base64(std::string(sec_websocket_key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
}

void apply_websocket_mask(char* bytes, std::size_t size, std::array<char, 4> mask, std::size_t phase) {
  std::array<char, 8> key{};
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = mask[(phase + i) % mask.size()];
  std::uint64_t wide = 0;
  std::memcpy(&wide, key.data(), sizeof wide);
  std::size_t at = 0;
  for (; at + sizeof wide <= size; at += sizeof wide) {
    std::uint64_t value = 0;
    std::memcpy(&value, bytes + at, sizeof value);
    value ^= wide;
    std::memcpy(bytes + at, &value, sizeof value);
  }
  for (std::size_t i = 0; at < size; ++at, ++i) bytes[at] = static_cast<char>(bytes[at] ^ key[i]);
}

/// A frame's header, decoded.
struct WebSocketDecoder::FrameStart {
  explicit FrameStart(std::string_view header)
      : first(as_byte(header[0])), second(as_byte(header[1])), size(second & length_bits) {
    if (size == length_is_16_bit) {
      size = load<std::uint16_t, std::endian::big>(header.data() + 2);
      minimal = size >= length_is_16_bit;
    } else if (size == length_is_64_bit) {
      size = load<std::uint64_t, std::endian::big>(header.data() + 2);
      minimal = size > 0xFFFF && size >> 63 == 0;
    }
    if (masked()) header.substr(header.size() - mask_size).copy(mask.data(), mask_size);
  }

  bool final() const { return (first & final_bit) != 0; }
  bool reserved() const { return (first & reserved_bits) != 0; }
  std::uint8_t opcode() const { return first & opcode_bits; }
  bool masked() const { return (second & mask_bit) != 0; }
  bool control() const { return (opcode() & 0x8) != 0; }

  std::uint8_t first;
  std::uint8_t second;
  std::uint64_t size;
  bool minimal = true;  ///< The length is in its shortest form, as §5.2 demands.
  std::array<char, mask_size> mask{};
};

void WebSocketDecoder::feed(std::string_view bytes) {
  while (!bytes.empty() && !closed_ && !failure_)
    bytes = in_payload_ ? read_payload(bytes) : read_header(bytes);
}

std::optional<WebSocketEvent> WebSocketDecoder::next() {
  if (next_event_ == events_.size()) return std::nullopt;
  auto event = std::move(events_[next_event_++]);
  if (next_event_ == events_.size()) {
    events_.clear();
    next_event_ = 0;
  }
  return event;
}

std::string_view WebSocketDecoder::read_header(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto needed = header_size_ < 2 ? std::size_t{2} : header_size_of(as_byte(header_[1]));
    const auto count = std::min(needed - header_size_, bytes.size());
    bytes.copy(header_.data() + header_size_, count);
    header_size_ += count;
    bytes.remove_prefix(count);
    if (header_size_ >= 2 && header_size_ == header_size_of(as_byte(header_[1]))) {
      start_frame();
      break;
    }
  }
  return bytes;
}

void WebSocketDecoder::start_frame() {
  const FrameStart start({header_.data(), header_size_});
  header_size_ = 0;
  if (!accept_start(start)) return;
  opcode_ = static_cast<WebSocketOpcode>(start.opcode());
  final_ = start.final();
  mask_ = start.mask;
  frame_size_ = start.size;
  frame_received_ = 0;
  if (!is_control() && !message_opcode_) message_opcode_ = opcode_;
  payload().reserve(payload().size() + std::min<std::uint64_t>(frame_size_, largest_unproven_reserve));
  in_payload_ = true;
  if (frame_size_ == 0) finish_frame();
}

bool WebSocketDecoder::accept_start(const FrameStart& start) {
  const auto refuse = [this](std::string_view reason) {
    fail(websocket_close::protocol_error, std::string(reason));
    return false;
  };
  if (start.reserved())
    return refuse("reserved bits are set, but no extension was agreed on (RFC 6455 §5.2)");
  if (!is_known_opcode(start.opcode())) return refuse(fmt::format("unknown opcode {}", start.opcode()));
  if (start.masked() != (options_.role == Role::server))
    return refuse(start.masked() ? "a server's frame is masked (RFC 6455 §5.1)"
                                 : "a client's frame is not masked (RFC 6455 §5.1)");
  if (!start.minimal) return refuse("a frame's length is not in its shortest form (RFC 6455 §5.2)");
  if (start.control()) {
    if (!start.final()) return refuse("a control frame is fragmented (RFC 6455 §5.5)");
    if (start.size > largest_control_payload)
      return refuse(fmt::format("a control frame has {} bytes; 125 are allowed (RFC 6455 §5.5)", start.size));
    return true;
  }
  const bool continues = start.opcode() == static_cast<std::uint8_t>(WebSocketOpcode::continuation);
  if (continues && !message_opcode_) return refuse("a continuation frame continues nothing (RFC 6455 §5.4)");
  if (!continues && message_opcode_) return refuse("a message starts inside another (RFC 6455 §5.4)");
  if (start.size > options_.max_message_size - message_.size()) {
    fail(websocket_close::too_big,
         fmt::format("a message has more than {} bytes", options_.max_message_size));
    return false;
  }
  return true;
}

std::string_view WebSocketDecoder::read_payload(std::string_view bytes) {
  const auto count =
      static_cast<std::size_t>(std::min<std::uint64_t>(frame_size_ - frame_received_, bytes.size()));
  auto& to = payload();
  const auto before = to.size();
  to.append(bytes.substr(0, count));
  if (options_.role == Role::server)
    apply_websocket_mask(to.data() + before, count, mask_, frame_received_ % 4);
  frame_received_ += count;
  if (frame_received_ == frame_size_) finish_frame();
  return bytes.substr(count);
}

void WebSocketDecoder::finish_frame() {
  in_payload_ = false;
  if (is_control()) {
    finish_control();
  } else if (final_) {
    finish_message();
  }
}

void WebSocketDecoder::finish_message() {
  const auto opcode = *std::exchange(message_opcode_, std::nullopt);
  auto payload = std::exchange(message_, {});
  const bool checked = opcode == WebSocketOpcode::text && options_.text_validation == TextValidation::utf8;
  if (checked && !is_valid_utf8(payload)) {
    fail(websocket_close::invalid_payload, "a text message is not UTF-8 (RFC 6455 §8.1)");
    return;
  }
  events_.push_back({.opcode = opcode, .payload = std::move(payload), .close_code = 0});
}

void WebSocketDecoder::finish_control() {
  if (opcode_ == WebSocketOpcode::close) {
    finish_close();
  } else {
    events_.push_back({.opcode = opcode_, .payload = std::exchange(control_, {}), .close_code = 0});
  }
}

void WebSocketDecoder::finish_close() {
  auto reason = std::exchange(control_, {});
  auto code = websocket_close::no_status;
  if (reason.size() == 1) {
    fail(websocket_close::protocol_error, "a close frame has half a code (RFC 6455 §5.5.1)");
    return;
  }
  if (!reason.empty()) {
    code = load<std::uint16_t, std::endian::big>(reason.data());
    reason.erase(0, 2);
    if (!is_valid_close_code(code)) {
      fail(websocket_close::protocol_error,
           fmt::format("a close frame has the code {}, which must not be sent (RFC 6455 §7.4)", code));
      return;
    }
  }
  if (!is_valid_utf8(reason)) {
    fail(websocket_close::invalid_payload, "a close frame's reason is not UTF-8 (RFC 6455 §5.5.1)");
    return;
  }
  closed_ = true;
  events_.push_back({.opcode = WebSocketOpcode::close, .payload = std::move(reason), .close_code = code});
}

void WebSocketDecoder::fail(std::uint16_t close_code, std::string message) {
  failure_ = WebSocketFailure{.close_code = close_code, .message = std::move(message)};
}

}  // namespace nextgen_kernels
