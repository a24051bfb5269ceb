#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "wire/channel.h"
#include "wire/frame_arena.h"
#include "wire/header.h"

namespace nextgen_kernels {

/// A message of a kernel: immutable, shared by everyone who reads it, safe on any thread.
///
/// One block of memory holds the complete WebSocket frame that every listener of the v1 protocol gets,
///
///     [RFC 6455 header][offset_count][offsets …][channel][header][parent_header][metadata][content][buffers
///     …]
///
/// and every view the message hands out points into it: relaying a message copies its bytes once, when it is
/// made.
class Message {
  struct Private {};

 public:
  using Pointer = std::shared_ptr<const Message>;

  /// Copies the parts (header, parent_header, metadata, content) and buffers of a kernel's or our own
  /// message; bytes of parts that are not UTF-8 become U+FFFD. Fails with ErrorCode::protocol unless header
  /// and parent_header are JSON objects; metadata and content are opaque. An arena puts frames side by side.
  static Result<Pointer> make(Channel channel, std::span<const std::string_view, 4> parts,
                              std::span<const std::string_view> buffers, FrameArena* arena = nullptr);

  /// The message of a v1 payload, from another server.
  static Result<Pointer> from_v1_payload(std::string_view payload);

  /// The message whose `v1_frame()` this is, from the spill file: the bytes become its memory. Fails with
  /// ErrorCode::protocol for anything that is not one whole unmasked binary frame of a message.
  static Result<Pointer> from_v1_frame(std::shared_ptr<char[]> bytes, std::size_t size);

  Message(Private, Channel channel, std::span<const std::string_view, 4> parts,
          std::span<const std::string_view> buffers, FrameArena* arena);
  Message(Private, Channel channel, std::size_t buffer_count, std::size_t frame_header_size,
          std::shared_ptr<char[]> bytes, std::size_t size);
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;

  Channel channel() const { return channel_; }
  std::string_view header() const { return part(0); }
  std::string_view parent_header() const { return part(1); }
  std::string_view metadata() const { return part(2); }
  std::string_view content() const { return part(3); }
  std::array<std::string_view, 4> parts() const { return {part(0), part(1), part(2), part(3)}; }
  std::size_t buffer_count() const { return buffer_count_; }
  std::string_view buffer(std::size_t index) const;

  const Header& header_fields() const { return header_; }
  const Header& parent_fields() const { return parent_; }

  /// The whole unmasked binary WebSocket frame of the v1 protocol.
  std::string_view v1_frame() const { return {bytes_.get(), size_}; }
  /// The same without the frame's RFC 6455 header.
  std::string_view v1_payload() const { return v1_frame().substr(frame_header_size_); }

  /// The whole unmasked WebSocket frame of the legacy protocol (see legacy_message.h). Rendered by the first
  /// call, at most once; lives as long as the message.
  std::string_view legacy_frame() const;

  /// What the message takes in memory, for bounds. Constant for its life: without the legacy frame, which
  /// exists only when a listener speaks that protocol.
  std::size_t memory_size() const { return sizeof(Message) + size_; }
  /// What the legacy frame takes; 0 before it is made.
  std::size_t legacy_size() const { return legacy_size_; }

 private:
  std::string_view part(std::size_t index) const;
  Result<void> scan_headers();

  Channel channel_;
  std::uint8_t frame_header_size_;
  std::size_t buffer_count_;
  std::size_t size_;
  std::shared_ptr<char[]> bytes_;
  Header header_;
  Header parent_;
  mutable std::once_flag legacy_once_;
  mutable std::string legacy_;
  mutable std::atomic<std::size_t> legacy_size_ = 0;
};

/// A message of our own in the kernel's name: a status, or an error on standard error. `content` and
/// `parent_header` are JSON objects ("{}" for no parent); `session` is whose message it claims to be.
Result<Message::Pointer> make_kernel_message(Channel channel, std::string_view msg_type,
                                             std::string_view content, std::string_view parent_header,
                                             std::string_view session);

}  // namespace nextgen_kernels
