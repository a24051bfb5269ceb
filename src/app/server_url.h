#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace nextgen_kernels {

/// The address of a Jupyter server as a person writes it: `http://host:port/base/?token=…`.
struct ServerUrl {
  std::string host;
  std::uint16_t port = 80;
  std::string base_path = "/";  ///< Begins and ends with '/'.
  std::string token;

  static Result<ServerUrl> parse(std::string_view text);
};

/// The URL that reaches a server listening on `ip` from this machine.
std::string local_url(std::string_view ip, std::uint16_t port);

}  // namespace nextgen_kernels
