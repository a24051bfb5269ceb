#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
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

/// What a peer may send in one message. More is a violation, except for the first two: what exceeds them is
/// skipped as it comes and takes no memory.
struct ZmtpLimits {
  std::size_t kept_bytes = std::size_t{512} * 1024 * 1024;
  std::size_t kept_frames = 100'000;
  std::uint64_t message_bytes = std::uint64_t{16} * 1024 * 1024 * 1024;
  std::size_t message_frames = 1'000'000;
};

/// One end of one ZMQ connection, without I/O: ZMTP 3.0 with the NULL mechanism (ZeroMQ RFC 23),
/// which every peer since ZeroMQ 4 speaks.
///
/// Send `greeting()`; read into `space()`, say how much by `received`, and call `next` until it needs more.
/// The frames of a message are found where they were read: nothing is allocated for a message, and bytes are
/// copied only to make room, so that reading takes time in proportion to what is read. The first violation is
/// an error of `next`; the connection is then of no more use.
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
    answer,             ///< Send `take_answer()` before anything else.
    ready,              ///< The handshake is done: messages can be sent. Once.
    message,            ///< `frames()` holds one.
    oversized_message,  ///< One exceeded what is kept; `frames()` holds its first frames.
    command,            ///< The peer sent a command that needs no answer.
    pause,              ///< Many frames were read, and their message goes on: let others have their turn.
  };
  Result<Step> next();

  std::string take_answer();

  /// The frames of the message that `next` found; valid until `space` or `next` is called.
  std::span<const std::string_view> frames() const { return frames_; }
  /// The size of that message, in frames that are not kept, too.
  std::uint64_t message_size() const { return message_size_; }

  /// How many bytes have been copied so far to make room for others.
  std::uint64_t copied_bytes() const { return copied_bytes_; }

 private:
  enum class Stage { greeting, handshake, traffic };

  struct FrameStart {
    std::uint8_t flags;
    std::size_t header_size;
    std::uint64_t size;  // Of the body.

    bool is_command() const;
    bool more_follow() const;
  };
  struct Part {
    std::size_t offset;
    std::size_t size;
  };
  struct Free {
    void operator()(char* bytes) const;
  };

  std::string_view unread() const { return {buffer_.get() + scanned_, end_ - scanned_}; }
  std::size_t held() const { return kept_ + end_ - scanned_; }
  void make_room(std::size_t free_bytes);
  void close_gap();
  void move_to_front();
  void set_capacity(std::size_t capacity);
  Result<Step> read_greeting();
  Result<Step> read_ready();
  Result<Step> read_traffic();
  Result<std::optional<FrameStart>> read_frame_start();
  std::optional<std::string_view> read_body(const FrameStart& start);
  Result<std::optional<Step>> read_message_frame(const FrameStart& start);
  void keep_frame(std::size_t size);
  void begin_skipping(const FrameStart& start);
  std::optional<Step> skip();
  Step end_message(Step step);
  Result<void> check_peer_type(std::string_view properties) const;
  Result<void> take_command(std::string_view body);
  std::string ready_command() const;

  ZmqSocketType type_;
  std::string routing_id_;
  ZmtpLimits limits_;
  Stage stage_ = Stage::greeting;
  bool announce_ready_ = false;
  std::string answer_;

  // The buffer: the `kept_` bytes from begin_ are whole frames of a message that is not complete yet,
  // [scanned_, end_) is unread; what lies between is of no more use.
  std::unique_ptr<char, Free> buffer_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t kept_ = 0;
  std::size_t scanned_ = 0;
  std::size_t end_ = 0;
  std::uint64_t wanted_ = 0;  // Unread bytes that complete the frame being read, as far as known.
  bool filled_ = false;       // The last read took all the space there was.
  std::uint64_t copied_bytes_ = 0;

  // The message being read.
  std::vector<Part> parts_;  // Relative to begin_.
  std::size_t frame_count_ = 0;
  std::uint64_t message_size_ = 0;
  bool oversized_ = false;
  std::optional<FrameStart> skipped_;  // The frame that is being skipped: `size` bytes of it are to come.

  std::vector<std::string_view> frames_;
};

/// Adds the frames of one message, as they are sent, to `output`.
void append_zmtp_message(std::string& output, std::span<const std::string_view> frames);

}  // namespace nextgen_kernels
