#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.h"

namespace nextgen_kernels {

/// The address of a Jupyter server as a person writes it: `http://host:port/base/?token=…`, `https://…`,
/// `http+unix://%2Fpath%2Fof%2Fsocket/base/`, or `host:port` alone. The address of one of its pages
/// (`/lab/tree/a.ipynb`) will do.
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

  /// The same with the token, which logs a browser in.
  std::string login_url(std::string_view token) const;

  /// The command, for a POSIX shell, that starts a JupyterLab with its kernels here. JupyterLab's gateway
  /// client cannot use a Unix-domain socket.
  std::string attach_command(std::string_view token) const;
};

}  // namespace nextgen_kernels
