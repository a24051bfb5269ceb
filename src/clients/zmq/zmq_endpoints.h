#pragma once

#include <string>

#include "base/error.h"
#include "interfaces/connection_info.h"

namespace nextgen_kernels {

/// Where the five sockets of a kernel are, and how its messages are signed (Jupyter connection file).
struct ZmqEndpoints {
  std::string shell;
  std::string iopub;
  std::string stdin_;
  std::string control;
  std::string heartbeat;
  std::string key;
  std::string signature_scheme;

  /// Fails naming the missing fields and those that are there, never a value: `key` is a secret.
  static Result<ZmqEndpoints> from(const ConnectionInfo& info);
};

}  // namespace nextgen_kernels
