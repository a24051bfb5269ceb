#pragma once

#include <cstddef>
#include <optional>

namespace nextgen_kernels {

/// So many file descriptors are kept for requests of people who have shown credentials: neither strangers nor
/// new kernels take the last ones.
inline constexpr std::size_t kept_descriptors = 16;

/// How many file descriptors this process may have open at once.
std::size_t descriptor_limit();

/// How many it has open; nothing when the system does not say. Takes longer the more there are.
std::optional<std::size_t> count_open_descriptors();

/// How many more it can open now, counted up to `most`: it opens so many for a moment.
std::size_t count_free_descriptors(std::size_t most);

}  // namespace nextgen_kernels
