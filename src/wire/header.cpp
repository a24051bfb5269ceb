#include "wire/header.h"

#include <bit>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <optional>

#include <fmt/format.h>

#include "base/random.h"
#include "base/timestamp.h"
#include "wire/byte_order.h"
#include "wire/json.h"
#include "wire/json_repair.h"

namespace nextgen_kernels {
namespace {

/// Fills a header from the members of its JSON object.
class HeaderScan {
 public:
  explicit HeaderScan(std::size_t text_size) : text_size_(text_size) {}

  void operator()(const JsonMember& member) {
    if (member.key == "msg_id") {
      header_.has_msg_id = assign(header_.msg_id, member);
    } else if (member.key == "msg_type") {
      header_.has_msg_type = assign(header_.msg_type, member);
    } else if (member.key == "session") {
      header_.has_session = assign(header_.session, member);
    } else if (member.key == "username") {
      header_.has_username = assign(header_.username, member);
    } else if (member.key == "subshell_id") {
      assign(header_.subshell_id, member);
    } else if (member.key == "version") {
      header_.has_version = member.string.has_value();
    } else if (member.key == "date") {
      header_.has_date = member.string.has_value();
    }
  }

  Header take() {
    header_.storage = std::move(storage_);
    return std::move(header_);
  }

 private:
  bool assign(std::string_view& field, const JsonMember& member) {
    field = {};
    if (!member.string) return false;
    field = member.escaped ? keep(*member.string) : *member.string;
    return true;
  }

  /// Decoded strings together are never longer than the text they come from.
  std::string_view keep(std::string_view decoded) {
    if (!storage_) storage_ = std::make_shared_for_overwrite<char[]>(text_size_);
    char* const to = storage_.get() + used_;
    std::memcpy(to, decoded.data(), decoded.size());
    used_ += decoded.size();
    return {to, decoded.size()};
  }

  Header header_;
  std::size_t text_size_;
  std::shared_ptr<char[]> storage_;
  std::size_t used_ = 0;
};

/// Reads what nearly every header is: one object of strings in printable ASCII without escapes. That takes a
/// third of the time of a general parser, and two headers are read for every message. Any other text is left
/// to it.
class PlainObject {
 public:
  explicit PlainObject(std::string_view text) : text_(text) {}

  /// Calls `visit` for each member; false when the text is not of this kind (or not JSON).
  template <typename Visit>
  bool for_each_member(Visit& visit) {
    if (!accept('{')) return false;
    do {
      const auto key = read_string();
      if (!key || !accept(':')) return false;
      const auto value = read_string();
      if (!value) return false;
      visit(JsonMember{.key = *key, .value = {}, .string = value});
    } while (accept(','));
    return accept('}') && (skip_space(), at_ == text_.size());
  }

 private:
  static constexpr std::uint64_t every_byte = 0x0101'0101'0101'0101;
  static constexpr std::uint64_t high_bits = 0x80 * every_byte;

  void skip_space() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r'))
      ++at_;
  }

  bool accept(char c) {
    skip_space();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  std::optional<std::string_view> read_string() {
    if (!accept('"')) return std::nullopt;
    const auto begin = at_;
    at_ = find_special(begin);
    if (at_ == text_.size() || text_[at_] != '"') return std::nullopt;
    return text_.substr(begin, at_++ - begin);
  }

  /// The first byte from `at` on that is a quote, a backslash, a control character or not ASCII, eight at a
  /// time.
  std::size_t find_special(std::size_t at) const {
    for (; at + sizeof(std::uint64_t) <= text_.size(); at += sizeof(std::uint64_t)) {
      const auto bytes = load<std::uint64_t, std::endian::little>(text_.data() + at);
      // Subtracting borrows from higher bytes, so the marks above the lowest may be wrong; the lowest is
      // right.
      const auto marks = (bytes | zero_marks(bytes ^ '"' * every_byte) |
                          zero_marks(bytes ^ '\\' * every_byte) | (bytes - 0x20 * every_byte)) &
                         high_bits;
      if (marks != 0) return at + static_cast<std::size_t>(std::countr_zero(marks)) / 8;
    }
    while (at < text_.size() && is_plain(text_[at])) ++at;
    return at;
  }

  static std::uint64_t zero_marks(std::uint64_t bytes) { return (bytes - every_byte) & ~bytes; }

  static bool is_plain(char c) { return c >= 0x20 && c < 0x7F && c != '"' && c != '\\'; }

  std::string_view text_;
  std::size_t at_ = 0;
};

/// Scans a repaired text; the views that point into it are moved to storage that lives with the header.
Result<Header> scan_repaired(const std::string& text) {
  HeaderScan scan(text.size());
  auto visited = for_each_member(text, [&scan](JsonMember member) {
    member.escaped = true;
    scan(member);
  });
  if (!visited) return std::unexpected(std::move(visited.error()));
  return scan.take();
}

}  // namespace

Result<Header> scan_header(std::string_view json) {
  if (json == "{}") return Header{};
  if (HeaderScan plain(0); PlainObject(json).for_each_member(plain)) return plain.take();
  HeaderScan scan(json.size());
  auto visited = for_each_member(json, scan);
  if (visited) return scan.take();
  const auto repair = repair_json(json);
  if (repair.verdict == JsonVerdict::repaired) return scan_repaired(repair.text);
  return std::unexpected(std::move(visited.error()));
}

std::string make_header_json(std::string_view msg_type, std::string_view session,
                             std::string_view subshell_id) {
  const auto subshell =
      subshell_id.empty() ? std::string() : fmt::format(R"(, "subshell_id": {})", quote_json(subshell_id));
  return fmt::format(
      R"({{"msg_id": "{}", "msg_type": {}, "username": "nextgen-kernels", "session": {}, "date": "{}", "version": "{}"{}}})",
      random_uuid(), quote_json(msg_type), quote_json(session),
      format_timestamp(std::chrono::system_clock::now()), protocol_version, subshell);
}

}  // namespace nextgen_kernels
