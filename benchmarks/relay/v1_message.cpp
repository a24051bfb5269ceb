#include "v1_message.h"

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

namespace nextgen_kernels::benchmarks {
namespace {

static_assert(std::endian::native == std::endian::little, "v1 offsets are copied as they are");

constexpr std::size_t word = sizeof(std::uint64_t);
constexpr std::size_t part_count = 5;  // The channel, and the four parts.
constexpr std::size_t offset_count = part_count + 1;

std::uint64_t read_word(std::string_view payload, std::size_t index) {
  std::uint64_t value = 0;
  std::memcpy(&value, payload.data() + index * word, word);
  return value;
}

void append_word(std::string& payload, std::uint64_t value) {
  payload.append(std::bit_cast<std::array<char, word>>(value).data(), word);
}

}  // namespace

std::optional<V1Message> decode_v1(std::string_view payload) {
  if (payload.size() < (1 + offset_count) * word || read_word(payload, 0) < offset_count) return std::nullopt;
  std::array<std::string_view, part_count> parts;
  for (std::size_t i = 0; i < part_count; ++i) {
    const auto begin = read_word(payload, 1 + i);
    const auto end = read_word(payload, 2 + i);
    if (begin > end || end > payload.size()) return std::nullopt;
    parts[i] = payload.substr(begin, end - begin);
  }
  return V1Message{parts[0], parts[1], parts[2], parts[3], parts[4]};
}

std::string encode_v1(std::string_view channel, const synthetic::MessageParts& parts) {
  std::string payload;
  append_word(payload, offset_count);
  std::uint64_t offset = (1 + offset_count) * word;
  append_word(payload, offset);
  append_word(payload, offset += channel.size());
  for (const auto part : parts.views()) append_word(payload, offset += part.size());
  payload += channel;
  for (const auto part : parts.views()) payload += part;
  return payload;
}

}  // namespace nextgen_kernels::benchmarks
