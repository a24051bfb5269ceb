#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "wire/channel.h"
#include "wire/header.h"

namespace nextgen_kernels {

/// A message on its way to a kernel, decoded from a client's WebSocket message or made by us. All views point
/// into storage that moves and copies share, so either is cheap and keeps them valid.
struct OutgoingMessage {
  Channel channel = Channel::shell;
  std::array<std::string_view, 4>
      parts;  ///< header, parent_header, metadata, content: JSON, as the client wrote it.
  std::vector<std::string_view> buffers;
  Header header;        ///< msg_id and msg_type are never empty.
  std::string cell_id;  ///< `metadata.cellId`, which JupyterLab sets on execution; "" when there is none.
  std::shared_ptr<const void> storage;
};

/// Decodes the payload of a binary WebSocket message of the subprotocol v1.kernel.websocket.jupyter.org.
/// Everything that `V1Message` checks must hold, and the header must be an object with msg_id and msg_type.
/// Other parts are opaque. Fails with ErrorCode::protocol, or not_found when only the channel is unknown.
Result<OutgoingMessage> decode_v1_message(std::string payload);

/// Decodes a text message of Jupyter Server's "default" protocol: one JSON object. Tolerated, because clients
/// do it: no channel (means shell), `buffers` that are empty, a parent_header, metadata or content that is
/// null or missing (means {}), NaN and broken UTF-8 (repaired), and a payload that is a binary message
/// (Jupyter Server's gateway proxy turns binary frames into text frames). Fails with ErrorCode::protocol, or
/// not_found when only the channel is unknown.
Result<OutgoingMessage> decode_legacy_text(std::string payload);

/// Decodes a binary message of the "default" protocol: big-endian u32 `[n][offset_0] … [offset_{n-1}]`, then
/// the JSON of a text message and n-1 buffers. Fails as decode_legacy_text does.
Result<OutgoingMessage> decode_legacy_binary(std::string payload);

/// A request of our own (kernel_info, shutdown, interrupt): a fresh msg_id, empty parent_header and metadata.
/// `content` must be a JSON object; it is not checked. `subshell_id`: empty for the main shell (JEP 91).
Result<OutgoingMessage> make_request(Channel channel, std::string_view msg_type, std::string_view content,
                                     std::string_view session, std::string_view subshell_id = {});

}  // namespace nextgen_kernels
