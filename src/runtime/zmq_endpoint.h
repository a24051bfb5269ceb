#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace nextgen_kernels {

/// The address of a ZMQ peer.
struct ZmqEndpoint {
  enum class Transport { tcp, ipc };

  Transport transport = Transport::tcp;
  std::string host;  ///< tcp: a name, or an address without brackets.
  std::string port;  ///< tcp.
  std::string path;  ///< ipc: of the Unix-domain socket; in the abstract namespace when it begins with `@`.

  /// Reads `tcp://HOST:PORT` (the host may be an IPv6 address, with or without brackets) and `ipc://PATH`.
  static Result<ZmqEndpoint> parse(std::string_view text);
};

}  // namespace nextgen_kernels
