#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nextgen_kernels::benchmarks {

/// RFC 6455 §5.2.
enum class Opcode : std::uint8_t { continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

struct FrameHeader {
  Opcode opcode;
  bool final;
  std::size_t header_size;
  std::uint64_t payload_size;
  std::optional<std::array<char, 4>> mask;
};

/// The header at the start of `bytes`, nothing when more bytes are needed.
std::optional<FrameHeader> parse_frame_header(std::string_view bytes);

/// A whole frame as a server sends it.
std::string server_frame(Opcode opcode, std::string_view payload);

/// A whole frame as a client sends it, masked.
std::string client_frame(Opcode opcode, std::string_view payload);

std::string unmasked(std::string_view payload, const std::array<char, 4>& mask);

/// What a server answers to `Sec-WebSocket-Key` (RFC 6455 §4.2.2).
std::string web_socket_accept(std::string_view key);

/// The value of a field in the head of an HTTP message, empty when it is not there.
std::string_view http_field(std::string_view head, std::string_view name);

}  // namespace nextgen_kernels::benchmarks
