#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace nextgen_kernels {

/// HMAC (RFC 2104) with a fixed key. The two key blocks are digested once, when it is made; a computation
/// starts from copies of those states, which is three times as fast for short messages as a one-shot HMAC.
/// Movable; not for concurrent use.
class KeyedDigest {
 public:
  /// `digest_name` is what Python's hashlib or OpenSSL call it: "sha256", "sha3_256", "blake2b" …
  static Result<KeyedDigest> make(std::string_view digest_name, std::string_view key);

  KeyedDigest(KeyedDigest&& other) noexcept;
  KeyedDigest& operator=(KeyedDigest&& other) noexcept;
  ~KeyedDigest();

  /// The digest of the parts, one after the other, in lower-case hexadecimal.
  std::string compute_hex(std::span<const std::string_view> parts);

 private:
  struct State;
  explicit KeyedDigest(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// SHA-1 of the text, in base64; only for the WebSocket handshake, which prescribes it.
std::string sha1_base64(std::string_view text);

}  // namespace nextgen_kernels
