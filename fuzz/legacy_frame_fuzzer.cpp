#include <array>

#include <nlohmann/json.hpp>

#include "fuzzing.h"
#include "wire/json.h"
#include "wire/message.h"
#include "wire/websocket_frame.h"

using namespace nextgen_kernels;

// Whatever a kernel sends, the legacy frame is JSON with the header that JupyterLab requires.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto pieces = split_input(as_text(data, size));
  if (pieces.size() < 4) return 0;
  const std::array parts{pieces[0], pieces[1], pieces[2], pieces[3]};
  const auto message = Message::make(Channel::iopub, parts, std::span(pieces).subspan(4));
  if (!message) return 0;
  WebSocketDecoder decoder(
      {.role = WebSocketDecoder::Role::client, .text_validation = WebSocketDecoder::TextValidation::utf8});
  decoder.feed((*message)->legacy_frame());
  const auto frame = decoder.next();
  require(frame.has_value() && !decoder.failure());
  if (frame->opcode != WebSocketOpcode::text) return 0;
  require(is_valid_json(frame->payload));
  const auto json = nlohmann::json::parse(frame->payload, nullptr, false);
  if (json.is_discarded()) return 0;  // It holds a number beyond the independent parser's range.
  for (const auto* const field : {"msg_id", "msg_type", "username", "session", "version", "date"})
    require(json["header"][field].is_string());
  require(json["msg_id"] == json["header"]["msg_id"] && json["msg_type"] == json["header"]["msg_type"]);
  for (const auto* const part : {"parent_header", "metadata", "content"}) require(json[part].is_object());
  require(json["channel"] == "iopub" && json["buffers"].empty());
  return 0;
}
