#include "wire/zmtp.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <optional>
#include <utility>

#include "base/strings.h"

namespace nextgen_kernels {
namespace {

// ZeroMQ RFC 23, "Grammar".
constexpr std::size_t greeting_size = 64;
constexpr std::size_t version_offset = 10;
constexpr std::size_t mechanism_offset = 12;
constexpr std::size_t mechanism_size = 20;
constexpr char signature_start = '\xFF';
constexpr char signature_end = '\x7F';
constexpr std::uint8_t flag_more = 1;
constexpr std::uint8_t flag_long = 2;
constexpr std::uint8_t flag_command = 4;
constexpr std::size_t short_frame_limit = 255;

constexpr std::size_t first_capacity = std::size_t{16} * 1024;
constexpr std::size_t busy_capacity = std::size_t{256} * 1024;
// A buffer that grew for one huge message is given back when that has passed.
constexpr std::size_t kept_capacity = std::size_t{1024} * 1024;
// A command says hello, ping, or why not.
constexpr std::size_t max_command_size = 4096;
// Frames of a byte each would keep a turn of the event loop busy for long.
constexpr std::size_t frames_per_step = 16'384;
// Of a message that is skipped the first frames are kept up to here: what is before the content is far
// smaller.
constexpr std::size_t kept_of_oversized = std::size_t{64} * 1024;

std::uint64_t read_big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<std::uint8_t>(byte);
  return value;
}

void append_big_endian(std::string& output, std::uint64_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) output += static_cast<char>(value >> shift);
}

void append_frame(std::string& output, std::uint8_t flags, std::string_view body) {
  const bool is_long = body.size() > short_frame_limit;
  output += static_cast<char>(flags | (is_long ? flag_long : 0));
  append_big_endian(output, body.size(), is_long ? 8 : 1);
  output += body;
}

/// Cuts a text with its length, in `length_bytes` bytes, in front off the start of `bytes`.
std::optional<std::string_view> take_counted(std::string_view& bytes, std::size_t length_bytes) {
  if (bytes.size() < length_bytes) return std::nullopt;
  const auto size = read_big_endian(bytes.substr(0, length_bytes));
  bytes.remove_prefix(length_bytes);
  if (bytes.size() < size) return std::nullopt;
  const auto text = bytes.substr(0, size);
  bytes.remove_prefix(size);
  return text;
}

std::unexpected<Error> malformed_command() {
  return make_error(ErrorCode::protocol, "The peer sent a malformed ZMTP command");
}

bool fits(ZmqSocketType own, std::string_view peer) {
  switch (own) {
    case ZmqSocketType::sub:
      return peer == "PUB" || peer == "XPUB";
    case ZmqSocketType::router:
      return peer == "DEALER" || peer == "REQ" || peer == "ROUTER";
    case ZmqSocketType::dealer:
      break;
  }
  return peer == "ROUTER" || peer == "REP" || peer == "DEALER";
}

}  // namespace

std::string_view to_string(ZmqSocketType type) {
  switch (type) {
    case ZmqSocketType::sub:
      return "SUB";
    case ZmqSocketType::router:
      return "ROUTER";
    case ZmqSocketType::dealer:
      break;
  }
  return "DEALER";
}

void append_zmtp_message(std::string& output, std::span<const std::string_view> frames) {
  for (std::size_t i = 0; i < frames.size(); ++i)
    append_frame(output, i + 1 < frames.size() ? flag_more : 0, frames[i]);
}

ZmtpDecoder::ZmtpDecoder(ZmqSocketType type, std::string_view routing_id, ZmtpLimits limits)
    : type_(type), routing_id_(routing_id), limits_(limits) {}

std::string ZmtpDecoder::greeting() {
  std::string text(greeting_size, '\0');
  text[0] = signature_start;
  text[version_offset - 1] = signature_end;
  text[version_offset] = 3;
  text.replace(mechanism_offset, 4, "NULL");
  return text;
}

bool ZmtpDecoder::FrameStart::is_command() const {
  return (flags & flag_command) != 0;
}

bool ZmtpDecoder::FrameStart::more_follow() const {
  return (flags & flag_more) != 0;
}

void ZmtpDecoder::Free::operator()(char* bytes) const {
  std::free(bytes);
}

std::span<char> ZmtpDecoder::space() {
  frames_.clear();
  close_gap();
  if (held() == 0) begin_ = scanned_ = end_ = 0;
  if (capacity_ > kept_capacity && held() <= first_capacity && wanted_ <= first_capacity) {
    move_to_front();
    set_capacity(first_capacity);
  }
  const auto unread_size = end_ - scanned_;
  make_room(wanted_ > unread_size ? static_cast<std::size_t>(wanted_ - unread_size) : 1);
  return {buffer_.get() + end_, capacity_ - end_};
}

/// Moves what is unread behind the frames that are kept.
void ZmtpDecoder::close_gap() {
  const auto target = begin_ + kept_;
  if (target == scanned_) return;
  const auto size = end_ - scanned_;
  if (size > 0) std::memmove(buffer_.get() + target, buffer_.get() + scanned_, size);
  copied_bytes_ += size;
  scanned_ = target;
  end_ = target + size;
}

/// Makes room behind what is held: by moving it to the front, or by a larger buffer. The buffer grows by half
/// of its size at least, so that many frames cost no more copying than one, and no more than doubles, so that
/// a peer that announces a huge frame must send it before it costs memory.
void ZmtpDecoder::make_room(std::size_t free_bytes) {
  const auto needed = held() + free_bytes;
  auto capacity = std::max(capacity_, first_capacity);
  if (filled_ && capacity < busy_capacity) capacity *= 2;
  if (needed > capacity) capacity = std::clamp(needed, capacity + capacity / 2, 2 * capacity);
  const bool fits_behind = capacity_ - end_ >= std::max(free_bytes, capacity_ / 2);
  if (capacity == capacity_ && (begin_ == 0 || fits_behind)) return;
  move_to_front();
  if (capacity != capacity_) set_capacity(capacity);
}

/// To be called when there is no gap.
void ZmtpDecoder::move_to_front() {
  if (begin_ == 0) return;
  const auto size = held();
  if (size > 0) std::memmove(buffer_.get(), buffer_.get() + begin_, size);
  copied_bytes_ += size;
  scanned_ -= begin_;
  end_ -= begin_;
  begin_ = 0;
}

/// To be called when what is held is at the front. Large buffers grow in place: the system moves their pages.
void ZmtpDecoder::set_capacity(std::size_t capacity) {
  auto* const bytes = static_cast<char*>(std::realloc(buffer_.get(), capacity));
  if (bytes == nullptr) throw std::bad_alloc();
  (void)buffer_.release();
  buffer_.reset(bytes);
  copied_bytes_ += end_;
  capacity_ = capacity;
}

void ZmtpDecoder::received(std::size_t count) {
  filled_ = count == capacity_ - end_;
  end_ += count;
}

std::string ZmtpDecoder::take_answer() {
  return std::exchange(answer_, {});
}

Result<ZmtpDecoder::Step> ZmtpDecoder::next() {
  if (std::exchange(announce_ready_, false)) return Step::ready;
  switch (stage_) {
    case Stage::greeting:
      return read_greeting();
    case Stage::handshake:
      return read_ready();
    case Stage::traffic:
      break;
  }
  return read_traffic();
}

Result<ZmtpDecoder::Step> ZmtpDecoder::read_greeting() {
  const auto bytes = unread();
  const bool is_zmtp = (bytes.empty() || bytes[0] == signature_start) &&
                       (bytes.size() < version_offset || (bytes[version_offset - 1] & 1) == 1);
  if (!is_zmtp)
    return make_error(ErrorCode::protocol,
                      "The peer does not speak ZMTP, ZeroMQ's protocol; it began with '{}'",
                      printable(bytes.substr(0, 16)));
  if (bytes.size() > version_offset && static_cast<std::uint8_t>(bytes[version_offset]) < 3)
    return make_error(ErrorCode::protocol,
                      "The peer speaks version {} of ZMTP; version 3 (ZeroMQ 4) is needed",
                      static_cast<int>(bytes[version_offset]));
  if (bytes.size() < greeting_size) {
    wanted_ = greeting_size;
    return Step::need_more;
  }
  auto mechanism = bytes.substr(mechanism_offset, mechanism_size);
  mechanism = mechanism.substr(0, mechanism.find('\0'));
  if (mechanism != "NULL")
    return make_error(ErrorCode::protocol,
                      "The peer wants the security mechanism '{}'; only NULL is spoken here",
                      printable(mechanism));
  scanned_ += greeting_size;
  begin_ = scanned_;
  wanted_ = 0;
  stage_ = Stage::handshake;
  answer_ += ready_command();
  return Step::answer;
}

std::string ZmtpDecoder::ready_command() const {
  std::string body("\x05READY");
  const auto add_property = [&body](std::string_view name, std::string_view value) {
    append_big_endian(body, name.size(), 1);
    body += name;
    append_big_endian(body, value.size(), 4);
    body += value;
  };
  add_property("Socket-Type", to_string(type_));
  if (type_ != ZmqSocketType::sub) add_property("Identity", routing_id_);
  std::string command;
  append_frame(command, flag_command, body);
  return command;
}

/// Nothing when it is not here as a whole; it stays unread.
Result<std::optional<ZmtpDecoder::FrameStart>> ZmtpDecoder::read_frame_start() {
  const auto bytes = unread();
  wanted_ = 2;
  if (bytes.size() < 2) return std::nullopt;
  FrameStart start{.flags = static_cast<std::uint8_t>(bytes[0]), .header_size = 2, .size = 0};
  if ((start.flags & ~(flag_more | flag_long | flag_command)) != 0 ||
      (start.is_command() && start.more_follow()))
    return make_error(ErrorCode::protocol, "The peer sent a ZMTP frame with unknown flags, {:#x}",
                      start.flags);
  if ((start.flags & flag_long) != 0) start.header_size = 9;
  wanted_ = start.header_size;
  if (bytes.size() < start.header_size) return std::nullopt;
  start.size = read_big_endian(bytes.substr(1, start.header_size - 1));
  if (start.is_command() && start.size > max_command_size)
    return make_error(ErrorCode::protocol, "The peer sent a ZMTP command of {} bytes; none is so long",
                      start.size);
  return start;
}

/// The body of a frame, which is read then; nothing when it is not here as a whole.
std::optional<std::string_view> ZmtpDecoder::read_body(const FrameStart& start) {
  wanted_ = start.header_size + start.size;
  const auto bytes = unread();
  if (bytes.size() < wanted_) return std::nullopt;
  scanned_ += wanted_;
  return bytes.substr(start.header_size, std::exchange(wanted_, 0) - start.header_size);
}

Result<ZmtpDecoder::Step> ZmtpDecoder::read_ready() {
  const auto start = read_frame_start();
  if (!start) return std::unexpected(start.error());
  if (!*start) return Step::need_more;
  if (!(*start)->is_command()) return malformed_command();
  const auto whole = read_body(**start);
  if (!whole) return Step::need_more;
  begin_ = scanned_;
  auto body = *whole;
  const auto name = take_counted(body, 1);
  if (!name) return malformed_command();
  if (*name == "ERROR") {
    const auto reason = take_counted(body, 1);
    return make_error(ErrorCode::protocol, "The peer refused the connection: '{}'",
                      printable(reason.value_or("")));
  }
  if (*name != "READY") return malformed_command();
  if (auto checked = check_peer_type(body); !checked) return std::unexpected(checked.error());
  stage_ = Stage::traffic;
  if (type_ != ZmqSocketType::sub) return Step::ready;
  // All of what is published: a subscription is a message of a 1 and the topic, which is empty.
  append_frame(answer_, 0, "\x01");
  announce_ready_ = true;
  return Step::answer;
}

Result<void> ZmtpDecoder::check_peer_type(std::string_view properties) const {
  while (!properties.empty()) {
    const auto name = take_counted(properties, 1);
    const auto value = name ? take_counted(properties, 4) : std::nullopt;
    if (!value) return malformed_command();
    // Names are compared without regard to case.
    if (to_lower(*name) != "socket-type") continue;
    if (fits(type_, *value)) return {};
    return make_error(
        ErrorCode::protocol,
        "The peer is a {} socket, which a {} cannot talk to: is it the port of another channel?",
        printable(*value), to_string(type_));
  }
  return {};
}

Result<ZmtpDecoder::Step> ZmtpDecoder::read_traffic() {
  frames_.clear();
  if (frame_count_ == 0) begin_ = scanned_;
  for (std::size_t frames = 0; frames < frames_per_step; ++frames) {
    if (skipped_) {
      if (const auto step = skip()) return *step;
      continue;
    }
    const auto start = read_frame_start();
    if (!start) return std::unexpected(start.error());
    if (!*start) return Step::need_more;
    if (!(*start)->is_command()) {
      const auto step = read_message_frame(**start);
      if (!step) return std::unexpected(step.error());
      if (*step) return **step;
      continue;
    }
    const auto body = read_body(**start);
    if (!body) return Step::need_more;
    if (auto taken = take_command(*body); !taken) return std::unexpected(taken.error());
    return answer_.empty() ? Step::command : Step::answer;
  }
  return Step::pause;
}

/// Nothing when the message goes on.
Result<std::optional<ZmtpDecoder::Step>> ZmtpDecoder::read_message_frame(const FrameStart& start) {
  if (frame_count_ == 0) {
    begin_ = scanned_;
    message_size_ = 0;
  }
  const bool too_large =
      start.size > limits_.message_bytes || message_size_ + start.size > limits_.message_bytes;
  if (too_large)
    return make_error(ErrorCode::resource_limit, "The peer sent a message of more than {} bytes",
                      limits_.message_bytes);
  if (frame_count_ == limits_.message_frames)
    return make_error(ErrorCode::resource_limit, "The peer sent a message of more than {} frames",
                      limits_.message_frames);
  const bool keeps =
      !oversized_ && message_size_ + start.size <= limits_.kept_bytes && parts_.size() < limits_.kept_frames;
  if (!keeps) {
    ++frame_count_;
    message_size_ += start.size;
    begin_skipping(start);
    return std::nullopt;
  }
  const auto body = read_body(start);
  if (!body) return Step::need_more;
  ++frame_count_;
  message_size_ += start.size;
  keep_frame(start.header_size + body->size());
  parts_.push_back({kept_ - body->size(), body->size()});
  if (start.more_follow()) return std::nullopt;
  return end_message(Step::message);
}

/// Keeps what was read last. Commands between the frames of a message leave no bytes between them.
void ZmtpDecoder::keep_frame(std::size_t size) {
  const auto source = scanned_ - size;
  const auto target = begin_ + kept_;
  if (source != target) {
    std::memmove(buffer_.get() + target, buffer_.get() + source, size);
    copied_bytes_ += size;
  }
  kept_ += size;
}

/// From here on nothing of the message is kept, and only the small frames at its start stay: they tell what
/// it is.
void ZmtpDecoder::begin_skipping(const FrameStart& start) {
  oversized_ = true;
  while (!parts_.empty() && parts_.back().offset + parts_.back().size > kept_of_oversized) parts_.pop_back();
  kept_ = parts_.empty() ? 0 : parts_.back().offset + parts_.back().size;
  scanned_ += start.header_size;
  skipped_ = start;
}

/// Skips what is here of the frame. Nothing when the message goes on behind it.
std::optional<ZmtpDecoder::Step> ZmtpDecoder::skip() {
  const auto count = std::min<std::uint64_t>(skipped_->size, unread().size());
  scanned_ += static_cast<std::size_t>(count);
  skipped_->size -= count;
  wanted_ = 0;
  if (skipped_->size > 0) return Step::need_more;
  const bool more_follow = skipped_->more_follow();
  skipped_.reset();
  if (more_follow) return std::nullopt;
  return end_message(Step::oversized_message);
}

ZmtpDecoder::Step ZmtpDecoder::end_message(Step step) {
  for (const auto& part : parts_) frames_.emplace_back(buffer_.get() + begin_ + part.offset, part.size);
  parts_.clear();
  kept_ = 0;
  frame_count_ = 0;
  oversized_ = false;
  return step;
}

Result<void> ZmtpDecoder::take_command(std::string_view body) {
  const auto name = take_counted(body, 1);
  if (!name) return malformed_command();
  // A PING of ZMTP 3.1: two bytes of time to live, then what the PONG must repeat. Others mean nothing to us.
  if (*name == "PING" && body.size() >= 2)
    append_frame(answer_, flag_command, "\x04PONG" + std::string(body.substr(2)));
  return {};
}

}  // namespace nextgen_kernels
