#include "server/password.h"

#include <array>

#include <argon2.h>

#include "base/random.h"

namespace nextgen_kernels {
namespace {

constexpr std::string_view scheme = "argon2:";

// Upstream's costs: iterations, memory in KiB, lanes.
constexpr std::uint32_t iterations = 10;
constexpr std::uint32_t memory_kib = 10240;
constexpr std::uint32_t lanes = 8;
constexpr std::size_t digest_bytes = 16;
// Random ones; the salt is their hexadecimal digits.
constexpr std::size_t salt_bytes = 16;
// A hash that would take more memory than this is a mistake, or an attack.
constexpr std::uint32_t most_memory_kib = 1024 * 1024;

/// The variant that an encoding names.
Result<argon2_type> type_of(std::string_view encoded) {
  if (encoded.starts_with("$argon2id$")) return Argon2_id;
  if (encoded.starts_with("$argon2i$")) return Argon2_i;
  if (encoded.starts_with("$argon2d$")) return Argon2_d;
  return make_error(ErrorCode::invalid_argument,
                    "it must begin with argon2:$argon2id$; `nextgen-kernels password` makes one");
}

}  // namespace

Result<std::string> hash_password(std::string_view password) {
  const auto salt = random_hex(salt_bytes);
  std::array<char, 256> encoded{};
  const int status =
      argon2id_hash_encoded(iterations, memory_kib, lanes, password.data(), password.size(), salt.data(),
                            salt.size(), digest_bytes, encoded.data(), encoded.size());
  if (status != ARGON2_OK)
    return make_error(ErrorCode::internal, "Cannot hash the password: {}", argon2_error_message(status));
  return std::string(scheme) + encoded.data();
}

Result<void> check_password_hash(const std::string& hash) {
  const auto encoded = hash.starts_with(scheme) ? hash.substr(scheme.size()) : std::string();
  const auto type = type_of(encoded);
  if (!type) return std::unexpected(type.error());
  const auto memory = encoded.find("$m=");
  const auto kib = memory == std::string::npos ? 0 : std::strtoul(encoded.c_str() + memory + 3, nullptr, 10);
  if (kib == 0 || kib > most_memory_kib) {
    return make_error(ErrorCode::invalid_argument, "it asks for {} KiB of memory; from 1 to {} are possible",
                      kib, most_memory_kib);
  }
  // Only a well-formed hash fails by its password.
  const int status = argon2_verify(encoded.c_str(), "", 0, *type);
  if (status == ARGON2_OK || status == ARGON2_VERIFY_MISMATCH) return {};
  return make_error(ErrorCode::invalid_argument, "it is not well-formed: {}", argon2_error_message(status));
}

bool verify_password(const std::string& hash, std::string_view password) {
  if (!hash.starts_with(scheme)) return false;
  const auto encoded = hash.substr(scheme.size());
  const auto type = type_of(encoded);
  return type && argon2_verify(encoded.c_str(), password.data(), password.size(), *type) == ARGON2_OK;
}

}  // namespace nextgen_kernels
