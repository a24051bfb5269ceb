#include "base/random.h"

#include <array>
#include <cerrno>
#include <random>
#include <system_error>

#include <sys/random.h>

#include "base/strings.h"

namespace nextgen_kernels {
namespace {

struct SystemGenerator {
  using result_type = std::uint32_t;
  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return UINT32_MAX; }
  result_type operator()() const {
    result_type value = 0;
    fill_random(std::as_writable_bytes(std::span(&value, 1)));
    return value;
  }
};

}  // namespace

void fill_random(std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    const auto count = ::getrandom(bytes.data(), bytes.size(), 0);
    if (count < 0) {
      if (errno == EINTR) continue;
      throw std::system_error(errno, std::generic_category(), "getrandom");
    }
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
}

std::string random_hex(std::size_t byte_count) {
  std::string bytes(byte_count, '\0');
  fill_random(std::as_writable_bytes(std::span(bytes)));
  return to_hex(bytes);
}

std::string random_uuid() {
  std::array<char, 16> bytes{};
  fill_random(std::as_writable_bytes(std::span(bytes)));
  bytes[6] = static_cast<char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<char>((bytes[8] & 0x3f) | 0x80);
  const auto hex = to_hex(std::string_view(bytes.data(), bytes.size()));
  return hex.substr(0, 8) + '-' + hex.substr(8, 4) + '-' + hex.substr(12, 4) + '-' + hex.substr(16, 4) + '-' +
         hex.substr(20);
}

std::uint32_t random_between(std::uint32_t low, std::uint32_t high) {
  SystemGenerator generator;
  return std::uniform_int_distribution<std::uint32_t>(low, high)(generator);
}

}  // namespace nextgen_kernels
