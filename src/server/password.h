#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace nextgen_kernels {

/// The hash of a password, as upstream writes it: `argon2:` and argon2's own encoding, with its salt. Takes
/// some 50 ms of CPU, as it must.
Result<std::string> hash_password(std::string_view password);

/// Fails when a text is no such hash.
Result<void> check_password_hash(const std::string& hash);

/// Whether the hash is this password's. Takes as long as `hash_password`.
bool verify_password(const std::string& hash, std::string_view password);

}  // namespace nextgen_kernels
