#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <nextgen_kernels/host.h>
#include <nextgen_kernels/json.h>

namespace nextgen_kernels::plugin {

enum class Channel : int {
  shell = NK_CHANNEL_SHELL,
  iopub = NK_CHANNEL_IOPUB,
  stdin_ = NK_CHANNEL_STDIN,
  control = NK_CHANNEL_CONTROL
};

/// A message between a kernel and its clients. A view: valid during the call that it was given to. Its parts
/// are JSON texts, which nobody has looked at but for the header; `Json::parse(message.content())` does.
class Message {
 public:
  explicit Message(const nk_message& message) : message_(message) {}

  Channel channel() const { return static_cast<Channel>(message_.channel); }
  std::string_view header() const { return detail::from_abi(message_.header); }
  std::string_view parent_header() const { return detail::from_abi(message_.parent_header); }
  std::string_view metadata() const { return detail::from_abi(message_.metadata); }
  std::string_view content() const { return detail::from_abi(message_.content); }
  std::size_t buffer_count() const { return message_.buffer_count; }
  std::string_view buffer(std::size_t index) const { return detail::from_abi(message_.buffers[index]); }

  std::string_view msg_id() const { return detail::from_abi(message_.msg_id); }
  std::string_view msg_type() const { return detail::from_abi(message_.msg_type); }
  std::string_view parent_msg_id() const { return detail::from_abi(message_.parent_msg_id); }
  std::string_view parent_msg_type() const { return detail::from_abi(message_.parent_msg_type); }

  /// For listeners: its place among the kernel's messages, counted from 1.
  std::uint64_t number() const { return message_.number; }

  const nk_message& abi() const { return message_; }

 private:
  const nk_message& message_;
};

/// The parts of a message that a plugin makes; texts and buffers stay the caller's.
struct MessageParts {
  Channel channel = Channel::iopub;
  std::string_view header = "{}";
  std::string_view parent_header = "{}";
  std::string_view metadata = "{}";
  std::string_view content = "{}";
  std::vector<std::string_view> buffers = {};
};

/// The parts of a message, to be changed: `auto parts = parts_of(message); parts.content = …`. They are those
/// of the message, valid as long as it.
inline MessageParts parts_of(const Message& message) {
  MessageParts parts{.channel = message.channel(),
                     .header = message.header(),
                     .parent_header = message.parent_header(),
                     .metadata = message.metadata(),
                     .content = message.content()};
  for (std::size_t index = 0; index < message.buffer_count(); ++index)
    parts.buffers.push_back(message.buffer(index));
  return parts;
}

namespace detail {

/// A message of its own, which nothing else has to outlive.
class OwnMessage {
 public:
  explicit OwnMessage(const MessageParts& parts)
      : channel_(parts.channel),
        header_(parts.header),
        parent_header_(parts.parent_header),
        metadata_(parts.metadata),
        content_(parts.content),
        buffers_(parts.buffers.begin(), parts.buffers.end()) {}

  MessageParts parts() const {
    return {.channel = channel_,
            .header = header_,
            .parent_header = parent_header_,
            .metadata = metadata_,
            .content = content_,
            .buffers = {buffers_.begin(), buffers_.end()}};
  }

 private:
  Channel channel_;
  std::string header_;
  std::string parent_header_;
  std::string metadata_;
  std::string content_;
  std::vector<std::string> buffers_;
};

/// Calls `function(const nk_message&)` with the message of these parts.
template <typename Function>
void with_abi_message(const MessageParts& parts, Function&& function) {
  std::vector<nk_string> buffers;
  for (const auto buffer : parts.buffers) buffers.push_back(to_abi(buffer));
  nk_message message{};
  message.size = sizeof message;
  message.channel = static_cast<int>(parts.channel);
  message.header = to_abi(parts.header);
  message.parent_header = to_abi(parts.parent_header);
  message.metadata = to_abi(parts.metadata);
  message.content = to_abi(parts.content);
  message.buffers = buffers.data();
  message.buffer_count = buffers.size();
  function(message);
}

}  // namespace detail
}  // namespace nextgen_kernels::plugin
