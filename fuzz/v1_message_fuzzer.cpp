#include <string>

#include "fuzzing.h"
#include "wire/message.h"
#include "wire/outgoing_message.h"

using namespace nextgen_kernels;

namespace {

/// Exactly what was decoded, but for a parent header of null, which becomes an empty one and stays so.
void require_same(const Message& message, std::string_view payload) {
  const auto encoded = message.v1_payload();
  if (message.parent_header() != "{}") return require(encoded == payload);
  const auto again = Message::from_v1_payload(encoded);
  require(again && (*again)->v1_payload() == encoded);
}

}  // namespace

// A payload that is decoded is what encoding its parts gives.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto payload = as_text(data, size);
  if (const auto message = Message::from_v1_payload(payload)) require_same(**message, payload);
  const auto decoded = decode_v1_message(std::string(payload));
  if (!decoded) return 0;
  require(!decoded->header.msg_id.empty() && !decoded->header.msg_type.empty());
  const auto message = Message::make(decoded->channel, decoded->parts, decoded->buffers);
  if (message) require_same(**message, payload);
  return 0;
}
