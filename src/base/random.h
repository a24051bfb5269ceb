#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace nextgen_kernels {

/// Fills `bytes` from the operating system's cryptographic generator.
void fill_random(std::span<std::byte> bytes);

/// `byte_count` random bytes in lower-case hexadecimal; for tokens and kernel keys.
std::string random_hex(std::size_t byte_count);

/// A random (version 4) UUID, `xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx`.
std::string random_uuid();

/// A uniform number in [low, high].
std::uint32_t random_between(std::uint32_t low, std::uint32_t high);

}  // namespace nextgen_kernels
