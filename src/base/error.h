#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace nextgen_kernels {

/// What kind of failure an `Error` is; each boundary (HTTP, command line, plugin ABI) maps these to its own
/// codes.
enum class ErrorCode {
  invalid_argument,   ///< The caller's input is wrong: syntax, type, range.
  not_found,          ///< The named thing does not exist.
  already_exists,     ///< The named thing exists and must not.
  permission_denied,  ///< The caller may not do this.
  unavailable,        ///< Right now this cannot work (dead kernel, stopping server); later it may.
  timeout,            ///< A stated time limit passed.
  resource_limit,     ///< A configured bound was reached.
  protocol,           ///< The peer (kernel, client, plugin) broke the protocol.
  io,                 ///< The operating system refused.
  internal,           ///< A defect of ours.
};

/// The snake_case name of a code, as it appears in logs and JSON.
std::string_view to_string(ErrorCode code);

/// A failure in operation: its kind, and a sentence that says what was wrong, where, and what to do.
/// Never holds a secret (kernel key, token): messages reach users and logs.
struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string message;
};

template <typename T>
using Result = std::expected<T, Error>;

/// `return make_error(ErrorCode::not_found, "Kernel spec {} not found", name);`
template <typename... Args>
std::unexpected<Error> make_error(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  return std::unexpected(Error{code, fmt::format(format, std::forward<Args>(args)...)});
}

/// An error of the operating system: `make_errno_error("open", path, errno)` reads "open /x: Permission
/// denied".
std::unexpected<Error> make_errno_error(std::string_view operation, std::string_view subject,
                                        int error_number);

}  // namespace nextgen_kernels
