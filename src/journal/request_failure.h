#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace nextgen_kernels {

/// The exception's name in the answers to requests whose kernel died, as nbclient has it.
inline constexpr std::string_view dead_kernel_error = "DeadKernelError";

/// How a request is answered that the kernel does not answer, in the words of Jupyter's replies.
struct RequestFailure {
  enum class Status {
    error,    ///< It failed.
    aborted,  ///< It was not run, or not to its end, because of something that somebody else asked for.
  };

  Status status = Status::error;
  std::string ename;  ///< The name of the exception.
  std::string evalue;

  /// The error as an exception, with the name that Python has for it where there is one.
  static RequestFailure of(const Error& error);
};

}  // namespace nextgen_kernels
