#pragma once

#include <string>
#include <string_view>

namespace nextgen_kernels {

/// The text as one word of a POSIX shell, in single quotes where it needs them: for commands that a person is
/// told to type.
std::string shell_quote(std::string_view text);

}  // namespace nextgen_kernels
