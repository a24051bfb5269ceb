#pragma once

#include <array>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "wire/message.h"

namespace nextgen_kernels {

struct MessageText {
  Channel channel = Channel::iopub;
  std::string type = "stream";
  std::string parent_id = {};
  std::string parent_type = "execute_request";
  std::string parent_session = {};
  std::string content = "{}";
};

/// A message as a kernel would send it.
inline Message::Pointer make_message(const MessageText& text) {
  const auto header = fmt::format(R"({{"msg_id":"kernel-1","msg_type":"{}","session":"kernel"}})", text.type);
  const auto parent = text.parent_id.empty()
                          ? std::string("{}")
                          : fmt::format(R"({{"msg_id":"{}","msg_type":"{}","session":"{}"}})", text.parent_id,
                                        text.parent_type, text.parent_session);
  const std::array<std::string_view, 4> parts = {header, parent, "{}", text.content};
  return Message::make(text.channel, parts, {}).value();
}

}  // namespace nextgen_kernels
