#pragma once

#include <bit>
#include <concepts>
#include <cstring>

namespace nextgen_kernels {

/// Numbers at unaligned addresses in a stated byte order.
template <std::unsigned_integral T, std::endian Order>
T load(const char* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  if constexpr (Order != std::endian::native) value = std::byteswap(value);
  return value;
}

template <std::unsigned_integral T, std::endian Order>
void store(char* to, T value) {
  if constexpr (Order != std::endian::native) value = std::byteswap(value);
  std::memcpy(to, &value, sizeof value);
}

}  // namespace nextgen_kernels
