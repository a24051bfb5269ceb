#pragma once

#include <filesystem>
#include <string>
#include <utility>

#include "app/server_url.h"
#include "base/error.h"

namespace nextgen_kernels {

/// What `jupyter server list` tells of a running server.
struct ServerInfo {
  ServerAddress address;
  std::string token;
  bool has_password = false;
  std::filesystem::path root_dir;
};

/// `jpserver-PID.json` in Jupyter's runtime directory, as Jupyter Server writes it: by this file
/// `jupyter server list`, `jupyter server stop` and editors find a running server. It holds the token, so
/// only its owner can read it. Removed with this object.
class ServerInfoFile {
 public:
  /// Writes the file of this process. Files of servers that ran on this machine and were killed are removed.
  static Result<ServerInfoFile> write(const std::filesystem::path& runtime_dir, const ServerInfo& info);

  ServerInfoFile(ServerInfoFile&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  ServerInfoFile& operator=(ServerInfoFile&& other) noexcept {
    std::swap(path_, other.path_);
    return *this;
  }
  ~ServerInfoFile();

  const std::filesystem::path& path() const { return path_; }

 private:
  explicit ServerInfoFile(std::filesystem::path path) : path_(std::move(path)) {}

  std::filesystem::path path_;  // Empty after a move.
};

}  // namespace nextgen_kernels
