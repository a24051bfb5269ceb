#include "wire/zmtp.h"

#include <algorithm>
#include <cstring>
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

std::span<char> ZmtpDecoder::space() {
  frames_.clear();
  if (begin_ == end_) {
    begin_ = scanned_ = end_ = 0;
    if (capacity_ > kept_capacity) {
      buffer_.reset();
      capacity_ = 0;
    }
  }
  const auto held = end_ - begin_;
  reserve(wanted_ > held ? wanted_ - held : 1);
  return {buffer_.get() + end_, capacity_ - end_};
}

/// Makes room behind what is held: by moving it to the front, or by a larger buffer. No more than doubles
/// what is there, so that a peer that announces a huge frame must send it before it costs memory.
void ZmtpDecoder::reserve(std::size_t free_bytes) {
  const auto held = end_ - begin_;
  auto capacity = std::max(capacity_, first_capacity);
  if (filled_ && capacity < busy_capacity) capacity *= 2;
  if (held + free_bytes > capacity) capacity = std::min(held + free_bytes, 2 * capacity);
  if (held == capacity) capacity *= 2;
  if (capacity == capacity_) {
    if (begin_ > 0 && capacity_ - end_ < std::max(free_bytes, capacity_ / 2))
      std::memmove(buffer_.get(), buffer_.get() + begin_, held);
    else
      return;
  } else {
    auto larger = std::make_unique_for_overwrite<char[]>(capacity);
    if (held > 0) std::memcpy(larger.get(), buffer_.get() + begin_, held);
    buffer_ = std::move(larger);
    capacity_ = capacity;
  }
  scanned_ -= begin_;
  begin_ = 0;
  end_ = held;
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

/// False when the frame is not here as a whole.
Result<bool> ZmtpDecoder::read_frame(Frame& frame) {
  const auto bytes = unread();
  wanted_ = scanned_ - begin_ + 2;
  if (bytes.size() < 2) return false;
  frame.flags = static_cast<std::uint8_t>(bytes[0]);
  const bool is_command = (frame.flags & flag_command) != 0;
  if ((frame.flags & ~(flag_more | flag_long | flag_command)) != 0 ||
      (is_command && (frame.flags & flag_more) != 0))
    return make_error(ErrorCode::protocol, "The peer sent a ZMTP frame with unknown flags, {:#x}",
                      frame.flags);
  const std::size_t header_size = (frame.flags & flag_long) != 0 ? 9 : 2;
  wanted_ = scanned_ - begin_ + header_size;
  if (bytes.size() < header_size) return false;
  const auto size = read_big_endian(bytes.substr(1, header_size - 1));
  const auto held = scanned_ - begin_;
  if (is_command && size > max_command_size)
    return make_error(ErrorCode::protocol, "The peer sent a ZMTP command of {} bytes; none is so long", size);
  if (size > limits_.message_bytes || held + size > limits_.message_bytes)
    return make_error(ErrorCode::resource_limit, "The peer sent a message of more than {} bytes",
                      limits_.message_bytes);
  wanted_ = held + header_size + size;
  if (bytes.size() - header_size < size) return false;
  frame.body = bytes.substr(header_size, size);
  scanned_ += header_size + size;
  wanted_ = 0;
  return true;
}

Result<ZmtpDecoder::Step> ZmtpDecoder::read_ready() {
  Frame frame;
  const auto whole = read_frame(frame);
  if (!whole) return std::unexpected(whole.error());
  if (!*whole) return Step::need_more;
  begin_ = scanned_;
  auto body = frame.body;
  const auto name = take_counted(body, 1);
  if ((frame.flags & flag_command) == 0 || !name) return malformed_command();
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
  if (parts_.empty()) begin_ = scanned_;
  while (true) {
    Frame frame;
    const auto whole = read_frame(frame);
    if (!whole) return std::unexpected(whole.error());
    if (!*whole) return Step::need_more;
    if ((frame.flags & flag_command) != 0) {
      if (auto taken = take_command(frame.body); !taken) return std::unexpected(taken.error());
      if (parts_.empty()) begin_ = scanned_;
      if (!answer_.empty()) return Step::answer;
      continue;
    }
    if (parts_.size() == limits_.message_frames)
      return make_error(ErrorCode::resource_limit, "The peer sent a message of more than {} frames",
                        limits_.message_frames);
    const auto offset = static_cast<std::size_t>(frame.body.data() - buffer_.get()) - begin_;
    parts_.push_back({offset, frame.body.size()});
    if ((frame.flags & flag_more) != 0) continue;
    for (const auto& part : parts_) frames_.emplace_back(buffer_.get() + begin_ + part.offset, part.size);
    parts_.clear();
    begin_ = scanned_;
    return Step::message;
  }
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
