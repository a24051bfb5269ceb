#include "base/error.h"

#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <system_error>

namespace nextgen_kernels {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument:
      return "invalid_argument";
    case ErrorCode::not_found:
      return "not_found";
    case ErrorCode::already_exists:
      return "already_exists";
    case ErrorCode::permission_denied:
      return "permission_denied";
    case ErrorCode::unavailable:
      return "unavailable";
    case ErrorCode::timeout:
      return "timeout";
    case ErrorCode::resource_limit:
      return "resource_limit";
    case ErrorCode::protocol:
      return "protocol";
    case ErrorCode::io:
      return "io";
    case ErrorCode::internal:
      return "internal";
  }
  return "internal";
}

void detail::report_misread_result(std::string_view what_was_wrong) {
  const auto message = fmt::format("nextgen-kernels has a defect: {}", what_was_wrong);
#ifdef NDEBUG
  throw std::logic_error(message);
#else
  fmt::print(stderr, "{}\n", message);
  std::abort();
#endif
}

std::unexpected<Error> make_errno_error(std::string_view operation, std::string_view subject,
                                        int error_number) {
  return make_error(ErrorCode::io, "{} {}: {}", operation, subject,
                    std::generic_category().message(error_number));
}

}  // namespace nextgen_kernels
