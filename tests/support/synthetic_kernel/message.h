#pragma once

#include <array>
#include <string>
#include <string_view>

#include "base/error.h"
#include "synthetic_kernel/message_signer.h"
#include "synthetic_kernel/zmq_socket.h"

namespace nextgen_kernels::synthetic {

constexpr std::string_view frame_delimiter = "<IDS|MSG>";

/// The parts of a message that are signed, each a JSON object.
struct MessageParts {
  std::string header;
  std::string parent_header = "{}";
  std::string metadata = "{}";
  std::string content = "{}";

  std::array<std::string_view, 4> views() const { return {header, parent_header, metadata, content}; }
};

/// A message that came in, with the addresses to send the answer to.
struct ReceivedMessage {
  Frames identities;
  MessageParts parts;
  std::string message_type;
};

/// Splits and verifies what came from a socket. Fails on a missing delimiter or part, a wrong signature, and
/// a header without a message type.
Result<ReceivedMessage> parse_message(Frames frames, MessageSigner& signer);

/// `identities` (or the topic), the delimiter, the signature and the four parts.
Frames encode_message(Frames identities, const MessageParts& parts, MessageSigner& signer);

/// Sends a message under a topic, as on iopub, without a copy of its parts on the way to libzmq.
void publish(ZmqSocket& socket, std::string_view topic, const MessageParts& parts, MessageSigner& signer);

/// A header as Jupyter's own kernels write it. `message_id` must need no JSON escapes.
std::string make_header(std::string_view message_id, std::string_view message_type, std::string_view session);

}  // namespace nextgen_kernels::synthetic
