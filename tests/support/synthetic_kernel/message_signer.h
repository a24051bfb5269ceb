#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include <openssl/types.h>

namespace nextgen_kernels::synthetic {

/// The hexadecimal signature of a message, empty when signing is off.
class Signature {
 public:
  static constexpr std::size_t max_size = 64;

  std::string_view text() const { return {digits_.data(), size_}; }

 private:
  friend class MessageSigner;
  std::array<char, max_size> digits_{};
  std::size_t size_ = 0;
};

/// HMAC-SHA256 over the four JSON parts of a message (Jupyter messaging, "The wire protocol").
/// An empty key turns signing off. The two keyed hash states are computed once, each signature starts from
/// copies.
class MessageSigner {
 public:
  explicit MessageSigner(std::string_view key);

  Signature sign(std::span<const std::string_view> parts);
  bool verify(std::string_view signature, std::span<const std::string_view> parts);

 private:
  struct Free {
    void operator()(EVP_MD_CTX* context) const;
  };
  using Hash = std::unique_ptr<EVP_MD_CTX, Free>;

  static Hash keyed_hash(std::string_view block_key, unsigned char pad);

  Hash inner_;
  Hash outer_;
  Hash scratch_;
};

}  // namespace nextgen_kernels::synthetic
