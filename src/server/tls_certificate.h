#pragma once

#include <chrono>
#include <filesystem>
#include <memory>

#include <boost/asio/ssl/context.hpp>

#include "base/error.h"

namespace nextgen_kernels {

/// The files that make a server speak TLS; PEM, as in upstream's traits of the same names.
struct TlsFiles {
  std::filesystem::path certfile;   ///< With the chain of its issuers, its own first. Empty: no TLS.
  std::filesystem::path keyfile;    ///< Empty: the key is in `certfile`.
  std::filesystem::path client_ca;  ///< Who has no certificate of one of these is refused. Empty: nobody is.
};

/// What the server proves its name with (TLS 1.2 and later). Follows a change of the files, so that a renewed
/// certificate is used from the next connection on. Owned by the server; on its executor.
class TlsCertificate {
 public:
  /// Fails with `invalid_argument` when a file cannot be used; the message says which, and what to do.
  static Result<TlsCertificate> load(TlsFiles files);

  /// For one new connection, which keeps it. When changed files cannot be used, the last ones that could.
  std::shared_ptr<boost::asio::ssl::context> current();

 private:
  using Context = boost::asio::ssl::context;
  using Stamp = std::filesystem::file_time_type;

  explicit TlsCertificate(TlsFiles files) : files_(std::move(files)) {}

  Stamp newest_change() const;

  TlsFiles files_;
  std::shared_ptr<Context> context_;
  Stamp loaded_;
  std::chrono::steady_clock::time_point look_again_;
};

}  // namespace nextgen_kernels
