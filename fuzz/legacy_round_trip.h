#pragma once

#include <string>

#include "fuzzing.h"
#include "wire/message.h"
#include "wire/outgoing_message.h"
#include "wire/websocket_frame.h"

namespace nextgen_kernels {

/// What was decoded from a legacy message, rendered as one and decoded again, is the same.
inline void require_legacy_round_trip(const OutgoingMessage& decoded) {
  const auto message = Message::make(decoded.channel, decoded.parts, decoded.buffers);
  if (!message) return;  // The parent_header is an object, but nothing a header scan accepts.
  WebSocketDecoder decoder({.role = WebSocketDecoder::Role::client});
  decoder.feed((*message)->legacy_frame());
  auto frame = decoder.next();
  require(frame.has_value() && !decoder.failure());
  const bool binary = frame->opcode == WebSocketOpcode::binary;
  require(binary == !decoded.buffers.empty());
  const auto again = binary ? decode_legacy_binary(std::move(frame->payload))
                            : decode_legacy_text(std::move(frame->payload));
  require(again.has_value());
  require(again->channel == decoded.channel);
  require(again->header.msg_id == decoded.header.msg_id && again->header.msg_type == decoded.header.msg_type);
  for (std::size_t part = 1; part < 4; ++part) require(again->parts[part] == decoded.parts[part]);
  require(again->buffers == decoded.buffers);
}

}  // namespace nextgen_kernels
