#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace nextgen_kernels {

/// The channels of a kernel (Jupyter messaging, "Introduction"). `stdin_` has its underscore because `stdin`
/// is a macro.
enum class Channel : std::uint8_t { shell, control, iopub, stdin_, heartbeat };

/// The channel's name on the wire: "shell", "control", "iopub", "stdin", "hb".
std::string_view to_string(Channel channel);

/// The channel of a name on the wire; nothing for any other name.
std::optional<Channel> channel_from_string(std::string_view name);

}  // namespace nextgen_kernels
