#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "wire/digest.h"

namespace nextgen_kernels {

/// Signs and verifies the four JSON parts of kernel messages (Jupyter messaging, "The wire protocol"): the
/// lower-case hexadecimal HMAC over header, parent_header, metadata and content with the connection's key.
/// Buffers and identities are not signed. Owned by one kernel client; not for concurrent use, since it reuses
/// its working state.
class Signer {
 public:
  /// `scheme` is a connection file's `signature_scheme`, "hmac-" and the name of a digest. An empty key turns
  /// signing off: signatures are empty, and everything verifies.
  static Result<Signer> make(std::string_view scheme, std::string_view key);

  /// The signature of the parts in this order; "" when signing is off.
  std::string sign(std::span<const std::string_view> parts);

  /// Compares in constant time. Fails with ErrorCode::protocol; the message never shows the key or the
  /// expected signature.
  Result<void> verify(std::span<const std::string_view> parts, std::string_view signature);

 private:
  explicit Signer(std::optional<KeyedDigest> digest) : digest_(std::move(digest)) {}
  std::optional<KeyedDigest> digest_;  ///< Nothing when signing is off.
};

}  // namespace nextgen_kernels
