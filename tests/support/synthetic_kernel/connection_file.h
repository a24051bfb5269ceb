#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace nextgen_kernels::synthetic {

/// Where a kernel listens and how it signs, as in a Jupyter connection file.
struct ConnectionFile {
  std::string transport;  ///< `tcp` or `ipc`.
  std::string ip;         ///< For `ipc` the prefix of the socket paths.
  int shell_port = 0;
  int control_port = 0;
  int stdin_port = 0;
  int iopub_port = 0;
  int hb_port = 0;
  std::string key;

  std::string endpoint(int port) const;
};

/// Fails when a field is missing or has the wrong type, or when the signature scheme is not `hmac-sha256`.
Result<ConnectionFile> parse_connection_file(std::string_view json);

Result<ConnectionFile> read_connection_file(const std::string& path);

}  // namespace nextgen_kernels::synthetic
