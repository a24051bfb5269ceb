#include "synthetic_kernel/message_signer.h"

#include <stdexcept>
#include <string>

#include <openssl/evp.h>

#include "base/strings.h"

namespace nextgen_kernels::synthetic {
namespace {

constexpr std::size_t block_size = 64;
constexpr std::size_t digest_size = 32;
using Digest = std::array<unsigned char, digest_size>;

void require(int result) {
  if (result != 1) throw std::runtime_error("OpenSSL refused a SHA-256 operation");
}

Digest finish(EVP_MD_CTX* hash) {
  Digest digest;
  require(EVP_DigestFinal_ex(hash, digest.data(), nullptr));
  return digest;
}

}  // namespace

void MessageSigner::Free::operator()(EVP_MD_CTX* context) const {
  EVP_MD_CTX_free(context);
}

MessageSigner::Hash MessageSigner::keyed_hash(std::string_view block_key, unsigned char pad) {
  Hash hash(EVP_MD_CTX_new());
  require(EVP_DigestInit_ex(hash.get(), EVP_sha256(), nullptr));
  std::array<unsigned char, block_size> block;
  block.fill(pad);
  for (std::size_t i = 0; i < block_key.size(); ++i) block[i] ^= static_cast<unsigned char>(block_key[i]);
  require(EVP_DigestUpdate(hash.get(), block.data(), block.size()));
  return hash;
}

MessageSigner::MessageSigner(std::string_view key) {
  if (key.empty()) return;
  std::string block_key(key);
  if (key.size() > block_size) {
    Hash hash(EVP_MD_CTX_new());
    require(EVP_DigestInit_ex(hash.get(), EVP_sha256(), nullptr));
    require(EVP_DigestUpdate(hash.get(), key.data(), key.size()));
    const auto digest = finish(hash.get());
    block_key.assign(digest.begin(), digest.end());
  }
  inner_ = keyed_hash(block_key, 0x36);
  outer_ = keyed_hash(block_key, 0x5c);
  scratch_.reset(EVP_MD_CTX_new());
}

Signature MessageSigner::sign(std::span<const std::string_view> parts) {
  Signature signature;
  if (!inner_) return signature;
  require(EVP_MD_CTX_copy_ex(scratch_.get(), inner_.get()));
  for (const auto part : parts) require(EVP_DigestUpdate(scratch_.get(), part.data(), part.size()));
  const auto inner_digest = finish(scratch_.get());
  require(EVP_MD_CTX_copy_ex(scratch_.get(), outer_.get()));
  require(EVP_DigestUpdate(scratch_.get(), inner_digest.data(), inner_digest.size()));
  const auto digest = finish(scratch_.get());
  for (const auto byte : digest) {
    signature.digits_[signature.size_++] = "0123456789abcdef"[byte >> 4];
    signature.digits_[signature.size_++] = "0123456789abcdef"[byte & 15];
  }
  return signature;
}

bool MessageSigner::verify(std::string_view signature, std::span<const std::string_view> parts) {
  return !inner_ || equal_constant_time(signature, sign(parts).text());
}

}  // namespace nextgen_kernels::synthetic
