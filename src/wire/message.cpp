#include "wire/message.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/strings.h"
#include "wire/json.h"
#include "wire/legacy_message.h"
#include "wire/v1_message.h"
#include "wire/websocket_frame.h"

namespace nextgen_kernels {
namespace {

/// The payload of one frame as `WebSocketFrameHeader` writes it.
std::optional<std::string_view> whole_binary_payload(std::string_view frame) {
  for (const std::size_t header_size : {2, 4, 10}) {
    if (frame.size() < header_size) break;
    const auto payload = frame.substr(header_size);
    const WebSocketFrameHeader header(WebSocketOpcode::binary, payload.size());
    if (frame.starts_with(header.view()) && header.view().size() == header_size) return payload;
  }
  return std::nullopt;
}

}  // namespace

Result<Message::Pointer> Message::make(Channel channel, std::span<const std::string_view, 4> parts,
                                       std::span<const std::string_view> buffers, FrameArena* arena) {
  if (buffers.size() > V1Message::maximum_buffer_count)
    return make_error(ErrorCode::resource_limit, "a message has {} buffers; at most {} are taken",
                      buffers.size(), V1Message::maximum_buffer_count);
  // So begin kernels of xeus; what has no parent has an empty one (Jupyter messaging).
  if (parts[1] == "null") {
    const std::array<std::string_view, 4> without_parent = {parts[0], "{}", parts[2], parts[3]};
    return make(channel, without_parent, buffers, arena);
  }
  if (!std::ranges::all_of(parts, is_valid_utf8)) {
    std::array<std::string, 4> repaired;
    std::ranges::transform(parts, repaired.begin(), replace_invalid_utf8);
    const std::array<std::string_view, 4> views = {repaired[0], repaired[1], repaired[2], repaired[3]};
    return make(channel, views, buffers, arena);
  }
  auto message = std::make_shared<Message>(Private{}, channel, parts, buffers, arena);
  if (auto scanned = message->scan_headers(); !scanned) return std::unexpected(scanned.error());
  return message;
}

Result<void> Message::scan_headers() {
  auto header = scan_header(this->header());
  if (!header) return make_error(ErrorCode::protocol, "message's header is {}", header.error().message);
  auto parent = scan_header(parent_header());
  if (!parent)
    return make_error(ErrorCode::protocol, "message's parent_header is {}", parent.error().message);
  header_ = std::move(*header);
  parent_ = std::move(*parent);
  return {};
}

Result<Message::Pointer> Message::from_v1_payload(std::string_view payload) {
  const auto parsed = V1Message::parse(payload);
  if (!parsed) return std::unexpected(parsed.error());
  const std::array parts{parsed->part(0), parsed->part(1), parsed->part(2), parsed->part(3)};
  std::vector<std::string_view> buffers;
  buffers.reserve(parsed->buffer_count());
  for (std::size_t i = 0; i < parsed->buffer_count(); ++i) buffers.push_back(parsed->buffer(i));
  return make(parsed->channel(), parts, buffers);
}

Result<Message::Pointer> Message::from_v1_frame(std::shared_ptr<char[]> bytes, std::size_t size) {
  const auto payload = whole_binary_payload({bytes.get(), size});
  if (!payload) return make_error(ErrorCode::protocol, "not one whole frame of a message");
  const auto parsed = V1Message::parse(*payload);
  if (!parsed) return std::unexpected(parsed.error());
  auto message = std::make_shared<Message>(Private{}, parsed->channel(), parsed->buffer_count(),
                                           size - payload->size(), std::move(bytes), size);
  if (auto scanned = message->scan_headers(); !scanned) return std::unexpected(scanned.error());
  return message;
}

Message::Message(Private, Channel channel, std::size_t buffer_count, std::size_t frame_header_size,
                 std::shared_ptr<char[]> bytes, std::size_t size)
    : channel_(channel),
      frame_header_size_(static_cast<std::uint8_t>(frame_header_size)),
      buffer_count_(buffer_count),
      size_(size),
      bytes_(std::move(bytes)) {}

Message::Message(Private, Channel channel, std::span<const std::string_view, 4> parts,
                 std::span<const std::string_view> buffers, FrameArena* arena)
    : channel_(channel), buffer_count_(buffers.size()) {
  const auto payload_size = v1_payload_size(channel, parts, buffers);
  const WebSocketFrameHeader frame_header(WebSocketOpcode::binary, payload_size);
  frame_header_size_ = static_cast<std::uint8_t>(frame_header.view().size());
  size_ = frame_header_size_ + payload_size;
  bytes_ = arena == nullptr ? std::make_shared_for_overwrite<char[]>(size_) : arena->allocate(size_);
  frame_header.view().copy(bytes_.get(), frame_header_size_);
  write_v1_payload({bytes_.get() + frame_header_size_, payload_size}, channel, parts, buffers);
}

std::string_view Message::part(std::size_t index) const {
  return V1Message::segment(v1_payload(), index + 1);
}

std::string_view Message::buffer(std::size_t index) const {
  return V1Message::segment(v1_payload(), index + 5);
}

std::string_view Message::legacy_frame() const {
  std::call_once(legacy_once_, [this] {
    legacy_ = encode_legacy_frame(*this);
    legacy_size_ = legacy_.capacity();
  });
  return legacy_;
}

Result<Message::Pointer> make_kernel_message(Channel channel, std::string_view msg_type,
                                             std::string_view content, std::string_view parent_header,
                                             std::string_view session) {
  const auto header = make_header_json(msg_type, session);
  const std::array<std::string_view, 4> parts{header, parent_header, "{}", content};
  return Message::make(channel, parts, {});
}

}  // namespace nextgen_kernels
