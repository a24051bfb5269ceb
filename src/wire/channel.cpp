#include "wire/channel.h"

namespace nextgen_kernels {

std::string_view to_string(Channel channel) {
  switch (channel) {
    case Channel::shell:
      return "shell";
    case Channel::control:
      return "control";
    case Channel::iopub:
      return "iopub";
    case Channel::stdin_:
      return "stdin";
    case Channel::heartbeat:
      return "hb";
  }
  return "";
}

std::optional<Channel> channel_from_string(std::string_view name) {
  for (const auto channel :
       {Channel::shell, Channel::control, Channel::iopub, Channel::stdin_, Channel::heartbeat})
    if (name == to_string(channel)) return channel;
  return std::nullopt;
}

}  // namespace nextgen_kernels
