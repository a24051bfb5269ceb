#include <string>

#include "fuzzing.h"
#include "wire/message.h"
#include "wire/outgoing_message.h"

using namespace nextgen_kernels;

// A payload that is decoded is exactly what encoding its parts gives.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto payload = as_text(data, size);
  if (const auto message = Message::from_v1_payload(payload)) require((*message)->v1_payload() == payload);
  const auto decoded = decode_v1_message(std::string(payload));
  if (!decoded) return 0;
  require(!decoded->header.msg_id.empty() && !decoded->header.msg_type.empty());
  const auto message = Message::make(decoded->channel, decoded->parts, decoded->buffers);
  if (message) require((*message)->v1_payload() == payload);
  return 0;
}
