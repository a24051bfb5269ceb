#include "plugins/abi_message.h"

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "plugins/abi_text.h"

namespace nextgen_kernels {
namespace {

constexpr std::array<std::pair<Channel, std::int32_t>, 4> channels = {
    {{Channel::shell, NK_CHANNEL_SHELL},
     {Channel::iopub, NK_CHANNEL_IOPUB},
     {Channel::stdin_, NK_CHANNEL_STDIN},
     {Channel::control, NK_CHANNEL_CONTROL}}};

std::int32_t channel_to_abi(Channel channel) {
  for (const auto& [ours, abi] : channels)
    if (ours == channel) return abi;
  return -1;
}

std::optional<Channel> channel_from_abi(std::int32_t channel) {
  for (const auto& [ours, abi] : channels)
    if (abi == channel) return ours;
  return std::nullopt;
}

/// The parts of a message that a plugin made.
struct Parts {
  Channel channel;
  std::array<std::string_view, 4> parts;
  std::vector<std::string_view> buffers;
};

Result<Parts> parts_of(const nk_message& message) {
  const auto channel = channel_from_abi(message.channel);
  if (!channel)
    return make_error(ErrorCode::protocol, "A message of a plugin names channel {}, which there is not",
                      message.channel);
  Parts parts{.channel = *channel,
              .parts = {from_abi(message.header), from_abi(message.parent_header), from_abi(message.metadata),
                        from_abi(message.content)},
              .buffers = {}};
  for (const auto& buffer : std::span(message.buffers, message.buffer_count))
    parts.buffers.push_back(from_abi(buffer));
  return parts;
}

void fill(nk_message& abi, Channel channel, const std::array<std::string_view, 4>& parts,
          const std::vector<nk_string>& buffers, const Header& header) {
  abi.size = sizeof abi;
  abi.channel = channel_to_abi(channel);
  abi.header = to_abi(parts[0]);
  abi.parent_header = to_abi(parts[1]);
  abi.metadata = to_abi(parts[2]);
  abi.content = to_abi(parts[3]);
  abi.buffers = buffers.data();
  abi.buffer_count = buffers.size();
  abi.msg_id = to_abi(header.msg_id);
  abi.msg_type = to_abi(header.msg_type);
}

const AbiMessage::Origin* origin_of(const nk_message& message) {
  return static_cast<const AbiMessage::Origin*>(message.origin);
}

}  // namespace

AbiMessage::AbiMessage(const Message::Pointer& message, std::uint64_t number)
    : origin_{.received = &message} {
  for (std::size_t i = 0; i < message->buffer_count(); ++i) buffers_.push_back(to_abi(message->buffer(i)));
  fill(abi_, message->channel(), message->parts(), buffers_, message->header_fields());
  abi_.parent_msg_id = to_abi(message->parent_fields().msg_id);
  abi_.parent_msg_type = to_abi(message->parent_fields().msg_type);
  abi_.number = number;
  abi_.origin = &origin_;
}

AbiMessage::AbiMessage(const OutgoingMessage& message) : origin_{.outgoing = &message} {
  for (const auto buffer : message.buffers) buffers_.push_back(to_abi(buffer));
  fill(abi_, message.channel, message.parts, buffers_, message.header);
  abi_.origin = &origin_;
}

Result<Message::Pointer> received_message_of(const nk_message& message) {
  if (const auto* origin = origin_of(message); origin != nullptr && origin->received != nullptr)
    return *origin->received;
  const auto parts = parts_of(message);
  if (!parts) return std::unexpected(parts.error());
  return Message::make(parts->channel, parts->parts, parts->buffers);
}

Result<OutgoingMessage> outgoing_message_of(const nk_message& message) {
  if (const auto* origin = origin_of(message); origin != nullptr && origin->outgoing != nullptr)
    return *origin->outgoing;
  const auto parts = parts_of(message);
  if (!parts) return std::unexpected(parts.error());
  std::size_t size = 0;
  for (const auto part : parts->parts) size += part.size();
  for (const auto buffer : parts->buffers) size += buffer.size();
  const auto storage = std::make_shared<std::string>();
  storage->reserve(size);  // The views into it stay valid.
  const auto keep = [&storage](std::string_view text) {
    const auto start = storage->size();
    storage->append(text);
    return std::string_view(*storage).substr(start);
  };
  OutgoingMessage outgoing{
      .channel = parts->channel, .parts = {}, .buffers = {}, .header = {}, .cell_id = {}, .storage = storage};
  for (std::size_t i = 0; i < outgoing.parts.size(); ++i) outgoing.parts[i] = keep(parts->parts[i]);
  for (const auto buffer : parts->buffers) outgoing.buffers.push_back(keep(buffer));
  auto header = scan_header(outgoing.parts[0]);
  if (!header) return std::unexpected(header.error());
  if (header->msg_id.empty() || header->msg_type.empty())
    return make_error(ErrorCode::protocol, "The header of a message of a plugin needs msg_id and msg_type");
  outgoing.header = *std::move(header);
  return outgoing;
}

}  // namespace nextgen_kernels
