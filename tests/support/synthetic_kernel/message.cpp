#include "synthetic_kernel/message.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/timestamp.h"

namespace nextgen_kernels::synthetic {

Result<ReceivedMessage> parse_message(Frames frames, MessageSigner& signer) {
  const auto delimiter = std::ranges::find(frames, frame_delimiter);
  if (delimiter == frames.end())
    return make_error(ErrorCode::protocol, "a message of {} frames has no {}", frames.size(),
                      frame_delimiter);
  if (std::distance(delimiter, frames.end()) < 6)
    return make_error(ErrorCode::protocol, "a message has {} frames after {}, fewer than five",
                      std::distance(delimiter, frames.end()) - 1, frame_delimiter);
  const auto part = [&](int index) { return std::move(*(delimiter + 2 + index)); };
  ReceivedMessage message;
  message.parts = {.header = part(0), .parent_header = part(1), .metadata = part(2), .content = part(3)};
  if (!signer.verify(*(delimiter + 1), message.parts.views()))
    return make_error(ErrorCode::protocol, "a message has a wrong signature");
  const auto header = nlohmann::json::parse(message.parts.header, nullptr, false);
  if (!header.is_object() || !header.contains("msg_type") || !header["msg_type"].is_string())
    return make_error(ErrorCode::protocol, "a message has a header without msg_type");
  message.message_type = header["msg_type"];
  message.identities.assign(std::make_move_iterator(frames.begin()), std::make_move_iterator(delimiter));
  return message;
}

Frames encode_message(Frames identities, const MessageParts& parts, MessageSigner& signer) {
  Frames frames = std::move(identities);
  frames.emplace_back(frame_delimiter);
  frames.emplace_back(signer.sign(parts.views()).text());
  for (const auto part : parts.views()) frames.emplace_back(part);
  return frames;
}

void publish(ZmqSocket& socket, std::string_view topic, const MessageParts& parts, MessageSigner& signer) {
  const auto views = parts.views();
  const auto signature = signer.sign(views);
  const std::array<std::string_view, 7> frames{topic,    frame_delimiter, signature.text(), views[0],
                                               views[1], views[2],        views[3]};
  socket.send(frames);
}

std::string make_header(std::string_view message_id, std::string_view message_type,
                        std::string_view session) {
  return fmt::format(
      R"({{"msg_id": "{}", "msg_type": "{}", "username": "synthetic", "session": "{}", "date": "{}", "version": "5.4"}})",
      message_id, message_type, session, format_timestamp(std::chrono::system_clock::now()));
}

}  // namespace nextgen_kernels::synthetic
