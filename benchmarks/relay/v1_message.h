#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "synthetic_kernel/message.h"

namespace nextgen_kernels::benchmarks {

/// The subprotocol whose messages these are.
constexpr std::string_view v1_subprotocol = "v1.kernel.websocket.jupyter.org";

/// The parts of a v1 WebSocket message, in place.
struct V1Message {
  std::string_view channel;
  std::string_view header;
  std::string_view parent_header;
  std::string_view metadata;
  std::string_view content;
};

/// Nothing when the offsets do not fit the payload.
std::optional<V1Message> decode_v1(std::string_view payload);

std::string encode_v1(std::string_view channel, const synthetic::MessageParts& parts);

}  // namespace nextgen_kernels::benchmarks
