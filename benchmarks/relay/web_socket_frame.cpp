#include "web_socket_frame.h"

#include <openssl/evp.h>

#include "base/strings.h"

namespace nextgen_kernels::benchmarks {
namespace {

/// The load of masking is on the server's side only: a client may use any mask, this one is as good as
/// another.
constexpr std::array<char, 4> client_mask{'\x37', '\x5a', '\x21', '\x6d'};

constexpr unsigned char final_bit = 0x80;
constexpr unsigned char mask_bit = 0x80;
constexpr unsigned char two_byte_size = 126;
constexpr unsigned char eight_byte_size = 127;

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<unsigned char>(byte);
  return value;
}

std::string frame_header(Opcode opcode, std::size_t payload_size, unsigned char mask) {
  std::string header;
  header += static_cast<char>(final_bit | static_cast<unsigned char>(opcode));
  std::size_t size_bytes = 0;
  if (payload_size < two_byte_size) {
    header += static_cast<char>(mask | payload_size);
  } else if (payload_size <= 0xffff) {
    header += static_cast<char>(mask | two_byte_size);
    size_bytes = 2;
  } else {
    header += static_cast<char>(mask | eight_byte_size);
    size_bytes = 8;
  }
  for (; size_bytes > 0; --size_bytes) header += static_cast<char>(payload_size >> 8 * (size_bytes - 1));
  return header;
}

}  // namespace

std::optional<FrameHeader> parse_frame_header(std::string_view bytes) {
  if (bytes.size() < 2) return std::nullopt;
  const auto first = static_cast<unsigned char>(bytes[0]);
  const auto second = static_cast<unsigned char>(bytes[1]);
  FrameHeader header{.opcode = static_cast<Opcode>(first & 0x0f),
                     .final = (first & final_bit) != 0,
                     .header_size = 2,
                     .payload_size = second & 0x7fU,
                     .mask = std::nullopt};
  if (header.payload_size >= two_byte_size) {
    const std::size_t size_bytes = header.payload_size == two_byte_size ? 2 : 8;
    if (bytes.size() < 2 + size_bytes) return std::nullopt;
    header.payload_size = big_endian(bytes.substr(2, size_bytes));
    header.header_size += size_bytes;
  }
  if ((second & mask_bit) != 0) {
    if (bytes.size() < header.header_size + 4) return std::nullopt;
    const auto mask = bytes.substr(header.header_size, 4);
    header.mask = {mask[0], mask[1], mask[2], mask[3]};
    header.header_size += 4;
  }
  return header;
}

std::string server_frame(Opcode opcode, std::string_view payload) {
  return frame_header(opcode, payload.size(), 0).append(payload);
}

std::string client_frame(Opcode opcode, std::string_view payload) {
  auto frame = frame_header(opcode, payload.size(), mask_bit);
  frame.append(client_mask.data(), client_mask.size());
  return frame + unmasked(payload, client_mask);
}

std::string unmasked(std::string_view payload, const std::array<char, 4>& mask) {
  std::string result(payload);
  for (std::size_t i = 0; i < result.size(); ++i) result[i] = static_cast<char>(result[i] ^ mask[i % 4]);
  return result;
}

std::string web_socket_accept(std::string_view key) {
  const auto text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned int digest_size = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &digest_size, EVP_sha1(), nullptr);
  std::array<unsigned char, 2 * EVP_MAX_MD_SIZE> encoded;
  const auto size = EVP_EncodeBlock(encoded.data(), digest.data(), static_cast<int>(digest_size));
  return {encoded.begin(), encoded.begin() + size};
}

std::string_view http_field(std::string_view head, std::string_view name) {
  for (auto line : split(head, '\n')) {
    const auto colon = line.find(':');
    if (colon != std::string_view::npos && to_lower(line.substr(0, colon)) == to_lower(name))
      return trim(line.substr(colon + 1));
  }
  return {};
}

}  // namespace nextgen_kernels::benchmarks
