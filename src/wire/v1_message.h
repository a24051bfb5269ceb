#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/error.h"
#include "wire/channel.h"

namespace nextgen_kernels {

/// A WebSocket message of the subprotocol `v1.kernel.websocket.jupyter.org` (Jupyter Server, "WebSocket
/// kernel wire protocols"), checked and taken apart:
///
///     [offset_count k][offset_0] … [offset_{k-1}][channel][header][parent_header][metadata][content][buffer]
///     …
///
/// All numbers are little-endian u64; offsets count from the start of the payload; segment i is the bytes
/// between offset_i and offset_{i+1}, and the last offset is the end of the payload. A view into the payload.
class V1Message {
 public:
  /// The channel and four parts, which every message has, and the end.
  static constexpr std::size_t minimum_offset_count = 6;
  /// Bounds what a message's offsets may claim; no client comes near.
  static constexpr std::size_t maximum_buffer_count = 65'536;  ///< `Message::make` refuses more.
  static constexpr std::size_t maximum_offset_count = minimum_offset_count + maximum_buffer_count;

  /// Checks every offset. Fails with ErrorCode::protocol, or not_found when only the channel is unknown.
  static Result<V1Message> parse(std::string_view payload);

  Channel channel() const { return channel_; }
  /// 0 header, 1 parent_header, 2 metadata, 3 content.
  std::string_view part(std::size_t index) const { return segment(payload_, index + 1); }
  std::size_t buffer_count() const;
  std::string_view buffer(std::size_t index) const { return segment(payload_, index + 5); }

  /// Segment `index` of a payload that is known to be well-formed: 0 the channel, 1 the header …
  static std::string_view segment(std::string_view payload, std::size_t index);

 private:
  V1Message(std::string_view payload, Channel channel) : payload_(payload), channel_(channel) {}
  std::string_view payload_;
  Channel channel_;
};

/// The size of the payload with these parts.
std::size_t v1_payload_size(Channel channel, std::span<const std::string_view, 4> parts,
                            std::span<const std::string_view> buffers);

/// Writes the payload to `to`, which must have `v1_payload_size` bytes.
void write_v1_payload(std::span<char> to, Channel channel, std::span<const std::string_view, 4> parts,
                      std::span<const std::string_view> buffers);

}  // namespace nextgen_kernels
