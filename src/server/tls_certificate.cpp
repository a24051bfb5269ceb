#include "server/tls_certificate.h"

#include <algorithm>
#include <initializer_list>

#include "base/log.h"

namespace nextgen_kernels {
namespace {

namespace fs = std::filesystem;
namespace ssl = boost::asio::ssl;
using boost::system::error_code;

constexpr auto look_interval = std::chrono::seconds(1);

std::unexpected<Error> unusable(std::string_view trait, const fs::path& file, std::string_view problem) {
  return make_error(ErrorCode::invalid_argument, "{}: {} cannot be used: {}", trait, file.native(), problem);
}

Result<std::shared_ptr<ssl::context>> make_context(const TlsFiles& files) {
  auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
  context->set_options(ssl::context::default_workarounds | ssl::context::no_sslv2 | ssl::context::no_sslv3 |
                       ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1);
  const auto& keyfile = files.keyfile.empty() ? files.certfile : files.keyfile;
  error_code error;
  context->use_certificate_chain_file(files.certfile.native(), error);
  if (error) return unusable("ServerApp.certfile", files.certfile, error.message());

  bool asked_for_password = false;
  context->set_password_callback(
      [&asked_for_password](std::size_t, ssl::context::password_purpose) {
        asked_for_password = true;
        return std::string();
      },
      error);
  context->use_private_key_file(keyfile.native(), ssl::context::pem, error);
  if (error && asked_for_password) {
    return unusable("ServerApp.keyfile", keyfile,
                    "it is encrypted. Write it without a password (openssl pkey -in KEY -out PLAIN_KEY), "
                    "readable by this user only");
  }
  if (error && error.message().contains("key values mismatch"))
    return unusable("ServerApp.keyfile", keyfile,
                    "it is not the key of the certificate " + files.certfile.native());
  if (error) return unusable("ServerApp.keyfile", keyfile, error.message());
  // The callback above does not outlive this function.
  context->set_password_callback([](std::size_t, ssl::context::password_purpose) { return std::string(); },
                                 error);

  if (files.client_ca.empty()) return context;
  context->load_verify_file(files.client_ca.native(), error);
  if (error) return unusable("ServerApp.client_ca", files.client_ca, error.message());
  context->set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert, error);
  if (error) return unusable("ServerApp.client_ca", files.client_ca, error.message());
  return context;
}

}  // namespace

Result<TlsCertificate> TlsCertificate::load(TlsFiles files) {
  TlsCertificate certificate(std::move(files));
  certificate.loaded_ = certificate.newest_change();
  auto context = make_context(certificate.files_);
  if (!context) return std::unexpected(context.error());
  certificate.context_ = std::move(*context);
  certificate.look_again_ = std::chrono::steady_clock::now() + look_interval;
  return certificate;
}

/// Of files that are not there now, nothing: they are being replaced.
TlsCertificate::Stamp TlsCertificate::newest_change() const {
  auto newest = Stamp::min();
  for (const auto* file : {&files_.certfile, &files_.keyfile, &files_.client_ca}) {
    std::error_code missing;
    const auto changed = fs::last_write_time(*file, missing);
    if (!missing) newest = std::max(newest, changed);
  }
  return newest;
}

std::shared_ptr<ssl::context> TlsCertificate::current() {
  const auto now = std::chrono::steady_clock::now();
  if (now < look_again_) return context_;
  look_again_ = now + look_interval;
  const auto changed = newest_change();
  if (changed == loaded_) return context_;
  loaded_ = changed;
  auto context = make_context(files_);
  if (context) {
    context_ = std::move(*context);
    log_info("The certificate {} has changed and is used from now on", files_.certfile.native());
  } else {
    log_error("The certificate has changed, but the one before is still used: {}", context.error().message);
  }
  return context_;
}

}  // namespace nextgen_kernels
