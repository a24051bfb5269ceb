#include "wire/signer.h"

#include "base/strings.h"

namespace nextgen_kernels {

Result<Signer> Signer::make(std::string_view scheme, std::string_view key) {
  constexpr std::string_view prefix = "hmac-";
  if (!scheme.starts_with(prefix))
    return make_error(ErrorCode::invalid_argument,
                      "signature_scheme \"{}\" must be \"hmac-\" and a digest, such as hmac-sha256", scheme);
  auto digest = KeyedDigest::make(scheme.substr(prefix.size()), key);
  if (!digest)
    return make_error(digest.error().code, "signature_scheme \"{}\": {}", scheme, digest.error().message);
  if (key.empty()) return Signer(std::nullopt);
  return Signer(std::move(*digest));
}

std::string Signer::sign(std::span<const std::string_view> parts) {
  return digest_ ? digest_->compute_hex(parts) : std::string();
}

Result<void> Signer::verify(std::span<const std::string_view> parts, std::string_view signature) {
  if (!digest_) return {};
  if (signature.empty())
    return make_error(ErrorCode::protocol,
                      "Unsigned message: the connection has a key, so every message must be signed");
  if (!equal_constant_time(digest_->compute_hex(parts), signature))
    return make_error(ErrorCode::protocol,
                      "Invalid signature: the sender's key or signature_scheme is not ours");
  return {};
}

}  // namespace nextgen_kernels
