#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nextgen_kernels {

/// RFC 6455 §5.2.
enum class WebSocketOpcode : std::uint8_t {
  continuation = 0x0,
  text = 0x1,
  binary = 0x2,
  close = 0x8,
  ping = 0x9,
  pong = 0xA,
};

/// The close codes we use, RFC 6455 §7.4.1 and IANA's registry.
/// JupyterLab takes 1000 and 1001 as final and reconnects after any other.
namespace websocket_close {
inline constexpr std::uint16_t normal = 1000;
inline constexpr std::uint16_t going_away = 1001;
inline constexpr std::uint16_t protocol_error = 1002;
inline constexpr std::uint16_t unsupported_data = 1003;
inline constexpr std::uint16_t no_status = 1005;  ///< Never sent: stands for a close frame without a code.
inline constexpr std::uint16_t invalid_payload = 1007;
inline constexpr std::uint16_t policy_violation = 1008;
inline constexpr std::uint16_t too_big = 1009;
inline constexpr std::uint16_t internal_error = 1011;
inline constexpr std::uint16_t service_restart = 1012;
inline constexpr std::uint16_t try_again_later = 1013;
}  // namespace websocket_close

/// The header of a final (not fragmented) unmasked frame, 2 to 10 bytes, RFC 6455 §5.2.
class WebSocketFrameHeader {
 public:
  WebSocketFrameHeader(WebSocketOpcode opcode, std::size_t payload_size);
  std::string_view view() const { return {bytes_.data(), size_}; }

 private:
  std::array<char, 10> bytes_{};
  std::size_t size_ = 0;
};

/// The size of the header of an unmasked frame.
std::size_t websocket_header_size(std::size_t payload_size);

/// A server's frame: whole and unmasked.
std::string encode_websocket_frame(WebSocketOpcode opcode, std::string_view payload);

/// A client's frame: whole, masked with four unpredictable bytes (RFC 6455 §5.3).
std::string encode_masked_websocket_frame(WebSocketOpcode opcode, std::string_view payload,
                                          std::array<char, 4> mask);

/// The payload of a close frame. `reason` must be UTF-8; it is cut at a character's end to fit a control
/// frame.
std::string close_payload(std::uint16_t code, std::string_view reason);

/// `Sec-WebSocket-Accept` for a client's `Sec-WebSocket-Key`, RFC 6455 §4.2.2.
std::string websocket_accept_key(std::string_view sec_websocket_key);

/// XORs the bytes with the mask, whose first byte in use is `mask[phase % 4]` (RFC 6455 §5.3). In place.
void apply_websocket_mask(char* bytes, std::size_t size, std::array<char, 4> mask, std::size_t phase);

/// A whole message or a control frame of the peer.
struct WebSocketEvent {
  WebSocketOpcode opcode = WebSocketOpcode::text;  ///< Never `continuation`: fragments are joined.
  std::string payload;                             ///< Of a close frame the reason.
  std::uint16_t close_code = 0;                    ///< Of a close frame; `no_status` when the peer gave none.
};

/// Why the connection must be closed: the code to send, and a sentence for the log.
struct WebSocketFailure {
  std::uint16_t close_code = 0;
  std::string message;
};

/// Decodes the byte stream of one WebSocket peer, RFC 6455 §5, without I/O. Owned by the connection.
///
/// After `feed`, drain `next`. The first violation ends the stream: `failure` is set, what came before it can
/// still be drained, further bytes are ignored. So are bytes after a close frame.
class WebSocketDecoder {
 public:
  /// A server's peer must mask its frames, a client's must not (§5.1).
  enum class Role : std::uint8_t { server, client };

  /// Whether text messages must be UTF-8 (§8.1). Jupyter Server's gateway proxy sends binary messages as text
  /// frames, so that kernel channels take them unchecked.
  enum class TextValidation : std::uint8_t { none, utf8 };

  struct Options {
    Role role = Role::server;
    TextValidation text_validation = TextValidation::none;
    std::size_t max_message_size = std::size_t{512} * 1024 * 1024;  ///< Of a message with all its fragments.
  };

  explicit WebSocketDecoder(Options options) : options_(options) {}

  void feed(std::string_view bytes);

  /// The next event, in the order of arrival; nothing when all bytes so far are used up.
  std::optional<WebSocketEvent> next();

  const std::optional<WebSocketFailure>& failure() const { return failure_; }

 private:
  struct FrameStart;

  std::string_view read_header(std::string_view bytes);
  std::string_view read_payload(std::string_view bytes);
  void start_frame();
  bool accept_start(const FrameStart& start);
  void finish_frame();
  void finish_message();
  void finish_control();
  void finish_close();
  void fail(std::uint16_t close_code, std::string message);
  bool is_control() const { return (static_cast<std::uint8_t>(opcode_) & 0x8) != 0; }
  std::string& payload() { return is_control() ? control_ : message_; }

  Options options_;
  std::array<char, 14> header_{};  ///< The current frame's header as far as it has come.
  std::size_t header_size_ = 0;
  bool in_payload_ = false;
  bool final_ = false;
  WebSocketOpcode opcode_ = WebSocketOpcode::text;
  std::array<char, 4> mask_{};
  std::uint64_t frame_size_ = 0;
  std::uint64_t frame_received_ = 0;
  std::optional<WebSocketOpcode> message_opcode_;  ///< Set while a message is under way.
  std::string message_;
  std::string control_;
  std::vector<WebSocketEvent> events_;
  std::size_t next_event_ = 0;
  bool closed_ = false;
  std::optional<WebSocketFailure> failure_;
};

}  // namespace nextgen_kernels
