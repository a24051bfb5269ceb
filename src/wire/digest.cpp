#include "wire/digest.h"

#include <algorithm>
#include <stdexcept>
#include <vector>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/strings.h"

namespace nextgen_kernels {
namespace {

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_MD_CTX, FreeContext>;

struct FreeDigest {
  void operator()(EVP_MD* digest) const { EVP_MD_free(digest); }
};
using Digest = std::unique_ptr<EVP_MD, FreeDigest>;

using DigestBytes = std::array<unsigned char, EVP_MAX_MD_SIZE>;

/// Digesting memory fails only when OpenSSL is out of memory or misused.
void require(int success) {
  if (success != 1) throw std::runtime_error("OpenSSL failed to compute a digest");
}

Context make_context() {
  Context context(EVP_MD_CTX_new());
  require(context ? 1 : 0);
  return context;
}

/// hashlib's names where OpenSSL's differ in more than an underscore.
std::string openssl_name(std::string_view name) {
  if (name == "blake2b") return "blake2b512";
  if (name == "blake2s") return "blake2s256";
  std::string result(name);
  std::ranges::replace(result, '_', '-');
  return result;
}

std::string_view as_view(const unsigned char* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

}  // namespace

struct KeyedDigest::State {
  Digest digest;
  Context inner = make_context();
  Context outer = make_context();
  Context work = make_context();

  /// RFC 2104 §2: keys longer than a block are digested first; ipad is 0x36, opad 0x5c.
  void set_key(std::string_view key) {
    std::vector<unsigned char> block(static_cast<std::size_t>(EVP_MD_get_block_size(digest.get())));
    if (key.size() > block.size()) {
      DigestBytes digested{};
      unsigned int size = 0;
      require(EVP_Digest(key.data(), key.size(), digested.data(), &size, digest.get(), nullptr));
      std::copy_n(digested.begin(), size, block.begin());
      OPENSSL_cleanse(digested.data(), digested.size());
    } else {
      std::ranges::copy(key, block.begin());
    }
    start(inner.get(), block, 0x36);
    start(outer.get(), block, 0x36 ^ 0x5c);
    OPENSSL_cleanse(block.data(), block.size());
  }

  /// Masks the key block in place; the second call turns the first's mask into its own.
  void start(EVP_MD_CTX* context, std::vector<unsigned char>& block, unsigned char mask) const {
    for (auto& byte : block) byte ^= mask;
    require(EVP_DigestInit_ex(context, digest.get(), nullptr));
    require(EVP_DigestUpdate(context, block.data(), block.size()));
  }
};

KeyedDigest::KeyedDigest(std::unique_ptr<State> state) : state_(std::move(state)) {}
KeyedDigest::KeyedDigest(KeyedDigest&& other) noexcept = default;
KeyedDigest& KeyedDigest::operator=(KeyedDigest&& other) noexcept = default;
KeyedDigest::~KeyedDigest() = default;

Result<KeyedDigest> KeyedDigest::make(std::string_view digest_name, std::string_view key) {
  Digest digest(EVP_MD_fetch(nullptr, openssl_name(digest_name).c_str(), nullptr));
  if (!digest)
    return make_error(ErrorCode::invalid_argument,
                      "unknown digest \"{}\"; OpenSSL has sha256, sha512 and others", digest_name);
  const bool extendable = (EVP_MD_get_flags(digest.get()) & EVP_MD_FLAG_XOF) != 0;
  if (extendable || EVP_MD_get_block_size(digest.get()) < EVP_MD_get_size(digest.get()))
    return make_error(ErrorCode::invalid_argument, "digest \"{}\" cannot be used for HMAC; use sha256",
                      digest_name);
  auto state = std::make_unique<State>();
  state->digest = std::move(digest);
  state->set_key(key);
  return KeyedDigest(std::move(state));
}

std::string KeyedDigest::compute_hex(std::span<const std::string_view> parts) {
  auto* const work = state_->work.get();
  DigestBytes bytes{};
  unsigned int size = 0;
  require(EVP_MD_CTX_copy_ex(work, state_->inner.get()));
  for (const auto part : parts) require(EVP_DigestUpdate(work, part.data(), part.size()));
  require(EVP_DigestFinal_ex(work, bytes.data(), &size));
  require(EVP_MD_CTX_copy_ex(work, state_->outer.get()));
  require(EVP_DigestUpdate(work, bytes.data(), size));
  require(EVP_DigestFinal_ex(work, bytes.data(), &size));
  return to_hex(as_view(bytes.data(), size));
}

std::string sha1_base64(std::string_view text) {
  DigestBytes digest{};
  unsigned int size = 0;
  require(EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr));
  std::array<unsigned char, 64> encoded{};
  const int length = EVP_EncodeBlock(encoded.data(), digest.data(), static_cast<int>(size));
  return std::string(as_view(encoded.data(), static_cast<std::size_t>(length)));
}

}  // namespace nextgen_kernels
