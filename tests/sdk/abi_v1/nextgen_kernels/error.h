#pragma once

#include <stdexcept>
#include <string>

#include <nextgen_kernels/abi.h>

namespace nextgen_kernels::plugin {

/// What kind of failure an `Error` is. The server maps it to a status of HTTP.
enum class ErrorCode : int {
  invalid_argument = NK_ERROR_INVALID_ARGUMENT,    ///< The caller's input is wrong: syntax, type, range.
  not_found = NK_ERROR_NOT_FOUND,                  ///< The named thing does not exist.
  already_exists = NK_ERROR_ALREADY_EXISTS,        ///< The named thing exists and must not.
  permission_denied = NK_ERROR_PERMISSION_DENIED,  ///< The caller may not do this.
  unavailable = NK_ERROR_UNAVAILABLE,              ///< Right now this cannot work; later it may.
  timeout = NK_ERROR_TIMEOUT,                      ///< A stated time limit passed.
  resource_limit = NK_ERROR_RESOURCE_LIMIT,        ///< A configured bound was reached.
  protocol = NK_ERROR_PROTOCOL,                    ///< The peer broke the protocol.
  io = NK_ERROR_IO,                                ///< The operating system refused.
  internal = NK_ERROR_INTERNAL,                    ///< A defect of the plugin.
};

/// A failure in operation. Thrown by functions of the SDK, and by a plugin's own: any exception that leaves
/// one becomes an error for whoever asked, this one with its code. `what()` is a sentence for people: what
/// was wrong, where, what to do; never a secret.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}

  ErrorCode code() const { return code_; }

 private:
  ErrorCode code_;
};

}  // namespace nextgen_kernels::plugin
