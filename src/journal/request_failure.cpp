#include "journal/request_failure.h"

#include <string_view>

namespace nextgen_kernels {
namespace {

std::string_view exception_name(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument:
      return "ValueError";
    case ErrorCode::not_found:
      return "LookupError";
    case ErrorCode::already_exists:
      return "AlreadyExistsError";
    case ErrorCode::permission_denied:
      return "PermissionError";
    case ErrorCode::unavailable:
      return "ConnectionError";
    case ErrorCode::timeout:
      return "TimeoutError";
    case ErrorCode::resource_limit:
      return "ResourceLimitError";
    case ErrorCode::protocol:
      return "ProtocolError";
    case ErrorCode::io:
      return "OSError";
    case ErrorCode::internal:
      return "RuntimeError";
  }
  return "RuntimeError";
}

}  // namespace

RequestFailure RequestFailure::of(const Error& error) {
  return {.ename = std::string(exception_name(error.code)), .evalue = error.message};
}

}  // namespace nextgen_kernels
