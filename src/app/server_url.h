#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.h"

namespace nextgen_kernels {

/// The address of a Jupyter server as a person writes it: `http://host:port/base/?token=…`, `https://…`, or
/// `http+unix://%2Fpath%2Fof%2Fsocket/base/`.
struct ServerUrl {
  bool tls = false;
  std::string host = {};  ///< Empty for a Unix-domain socket.
  std::uint16_t port = 80;
  std::string sock = {};
  std::string base_path = "/";  ///< Begins and ends with '/'.
  std::string token = {};

  static Result<ServerUrl> parse(std::string_view text);
};

/// Where a server listens.
struct ServerAddress {
  std::string scheme = "http";
  std::string ip;
  std::uint16_t port = 0;
  std::filesystem::path sock = {};  ///< A Unix-domain socket, instead of `ip` and `port`.
  std::string base_path = "/";      ///< Begins and ends with '/'.

  /// The URL that reaches it from this machine.
  std::string url() const;
};

}  // namespace nextgen_kernels
