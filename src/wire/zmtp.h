#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace nextgen_kernels {

/// What one end of a ZMQ connection is; the ends must fit: a dealer talks to a kernel's ROUTER or REP, a sub
/// to its PUB or XPUB, a router to who has a question: a DEALER, REQ or ROUTER.
enum class ZmqSocketType { dealer, sub, router };

/// "DEALER", "SUB", "ROUTER", as the handshake names them.
std::string_view to_string(ZmqSocketType type);

/// What a peer may send in one message; more is a violation.
struct ZmtpLimits {
  std::size_t message_bytes = std::size_t{2} * 1024 * 1024 * 1024;
  std::size_t message_frames = 1'000'000;  ///< What is kept of each while they come takes memory, too.
};

/// One end of one ZMQ connection, without I/O: ZMTP 3.0 with the NULL mechanism (ZeroMQ RFC 23),
/// which every peer since ZeroMQ 4 speaks.
///
/// Send `greeting()`; read into `space()`, say how much by `received`, and call `next` until it needs more.
/// The frames of a message are found where they were read: nothing is copied, nothing is allocated for a
/// message. The first violation is an error of `next`; the connection is then of no more use.
class ZmtpDecoder {
 public:
  /// `routing_id`, at most 255 bytes, is the name that a ROUTER knows us by; empty lets it choose one.
  ZmtpDecoder(ZmqSocketType type, std::string_view routing_id, ZmtpLimits limits = {});

  /// The first bytes to send, 64 of them.
  static std::string greeting();

  /// Where to put what the peer sends; never empty. Ends the views of `frames`.
  std::span<char> space();
  void received(std::size_t count);

  enum class Step {
    need_more,
    answer,   ///< Send `take_answer()` before anything else.
    ready,    ///< The handshake is done: messages can be sent. Once.
    message,  ///< `frames()` holds one.
  };
  Result<Step> next();

  std::string take_answer();

  /// The frames of the message that `next` found; valid until `space` or `next` is called.
  std::span<const std::string_view> frames() const { return frames_; }

 private:
  enum class Stage { greeting, handshake, traffic };

  struct Frame {
    std::uint8_t flags = 0;
    std::string_view body;
  };
  struct Part {
    std::size_t offset;
    std::size_t size;
  };

  std::string_view unread() const { return {buffer_.get() + scanned_, end_ - scanned_}; }
  void reserve(std::size_t free_bytes);
  Result<Step> read_greeting();
  Result<Step> read_ready();
  Result<Step> read_traffic();
  Result<bool> read_frame(Frame& frame);
  Result<void> check_peer_type(std::string_view properties) const;
  Result<void> take_command(std::string_view body);
  std::string ready_command() const;

  ZmqSocketType type_;
  std::string routing_id_;
  ZmtpLimits limits_;
  Stage stage_ = Stage::greeting;
  bool announce_ready_ = false;
  std::string answer_;

  // The buffer: [begin_, scanned_) are whole frames of a message that is not complete yet, [scanned_, end_)
  // is unread.
  std::unique_ptr<char[]> buffer_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t scanned_ = 0;
  std::size_t end_ = 0;
  std::size_t wanted_ = 0;   // Bytes from begin_ that complete the frame being read, as far as known.
  bool filled_ = false;      // The last read took all the space there was.
  std::vector<Part> parts_;  // Of the message being read, relative to begin_.
  std::vector<std::string_view> frames_;
};

/// Adds the frames of one message, as they are sent, to `output`.
void append_zmtp_message(std::string& output, std::span<const std::string_view> frames);

}  // namespace nextgen_kernels
