#include "wire/json_repair.h"

#include <array>
#include <optional>
#include <vector>

namespace nextgen_kernels {
namespace {

constexpr std::string_view replacement_character = "\xEF\xBF\xBD";

unsigned char byte_at(std::string_view text, std::size_t at) {
  return at < text.size() ? static_cast<unsigned char>(text[at]) : 0;
}

bool is_continuation(unsigned char byte) {
  return (byte & 0xC0) == 0x80;
}

/// The length of the well-formed UTF-8 sequence (RFC 3629) at `at`, 0 when there is none.
std::size_t sequence_length(std::string_view text, std::size_t at) {
  const auto first = byte_at(text, at);
  const auto second = byte_at(text, at + 1);
  if (first < 0x80) return 1;
  if (first < 0xC2 || first > 0xF4 || !is_continuation(second)) return 0;
  if (first < 0xE0) return 2;
  if (!is_continuation(byte_at(text, at + 2))) return 0;
  if (first < 0xF0) {
    const bool overlong = first == 0xE0 && second < 0xA0;
    const bool surrogate = first == 0xED && second >= 0xA0;
    return overlong || surrogate ? 0 : 3;
  }
  const bool overlong = first == 0xF0 && second < 0x90;
  const bool beyond = first == 0xF4 && second >= 0x90;
  return overlong || beyond || !is_continuation(byte_at(text, at + 3)) ? 0 : 4;
}

bool is_digit(unsigned char c) {
  return c >= '0' && c <= '9';
}

/// True for the bytes of a string that need no look: printable ASCII but the quote and the backslash.
constexpr auto plain = [] {
  std::array<bool, 256> table{};
  for (std::size_t c = 0x20; c < 0x80; ++c) table[c] = c != '"' && c != '\\';
  return table;
}();

/// A push-down automaton over the text: what is open is a stack of bits, so that nesting cannot exhaust the
/// call stack.
class Repairer {
 public:
  explicit Repairer(std::string_view text) : text_(text) {}

  JsonRepair run() {
    if (!read_text()) return {};
    if (copied_ == 0) return {.verdict = JsonVerdict::valid, .text = {}};
    result_.append(text_.substr(copied_));
    return {.verdict = JsonVerdict::repaired, .text = std::move(result_)};
  }

 private:
  bool read_text() {
    if (!read_value_or_open()) return false;
    while (!open_.empty()) {
      if (!read_next()) return false;
    }
    skip_space();
    return at_ == text_.size();
  }

  /// One step inside the innermost open array or object.
  bool read_next() {
    skip_space();
    const bool in_object = open_.back();
    if (current() == (in_object ? '}' : ']')) {
      if (after_comma_) return false;
      ++at_;
      close();
      return true;
    }
    if (after_value_) {
      if (current() != ',') return false;
      ++at_;
      after_value_ = false;
      after_comma_ = true;
      return true;
    }
    after_comma_ = false;
    return (!in_object || read_key()) && read_value_or_open();
  }

  bool read_key() {
    if (current() != '"' || !read_string()) return false;
    skip_space();
    if (current() != ':') return false;
    ++at_;
    return true;
  }

  /// Reads a scalar, or opens an array or object.
  bool read_value_or_open() {
    skip_space();
    const auto c = current();
    if (c == '{' || c == '[') {
      open_.push_back(c == '{');
      ++at_;
      after_value_ = false;
      return true;
    }
    after_value_ = true;
    start_ = at_;
    if (c == '"') return read_string();
    if (c == '-' || is_digit(c)) return read_number();
    if (accept("NaN") || accept("Infinity")) return replace_with("null");
    return accept("true") || accept("false") || accept("null");
  }

  void close() {
    open_.pop_back();
    after_value_ = true;
  }

  bool read_number() {
    if (current() == '-') {
      ++at_;
      if (accept("Infinity")) return replace_with("null");
    }
    if (current() == '0') {
      ++at_;
    } else if (!read_digits()) {
      return false;
    }
    if (current() == '.') {
      ++at_;
      if (!read_digits()) return false;
    }
    if (current() == 'e' || current() == 'E') {
      ++at_;
      if (current() == '+' || current() == '-') ++at_;
      return read_digits();
    }
    return true;
  }

  bool read_digits() {
    if (!is_digit(current())) return false;
    while (is_digit(current())) ++at_;
    return true;
  }

  bool read_string() {
    ++at_;
    while (at_ < text_.size()) {
      const auto c = current();
      if (plain[c]) {
        ++at_;
      } else if (c == '"') {
        ++at_;
        return true;
      } else if (c == '\\') {
        if (!read_escape()) return false;
      } else {
        read_unusual(c);
      }
    }
    return false;
  }

  /// A control character or a byte beyond ASCII.
  void read_unusual(unsigned char c) {
    start_ = at_;
    if (c < 0x20) {
      ++at_;
      constexpr std::string_view hex = "0123456789abcdef";
      const std::array<char, 6> escape{'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
      replace_with({escape.data(), escape.size()});
    } else if (const auto length = sequence_length(text_, at_); length > 0) {
      at_ += length;
    } else {
      ++at_;
      replace_with(replacement_character);
    }
  }

  bool read_escape() {
    start_ = at_;
    const auto kind = byte_at(text_, at_ + 1);
    if (kind != 'u') {
      at_ += 2;
      return at_ <= text_.size() && std::string_view("\"\\/bfnrt").contains(static_cast<char>(kind));
    }
    const auto unit = read_unicode_escape();
    if (!unit) return false;
    if (*unit < 0xD800 || *unit > 0xDFFF) return true;
    if (*unit < 0xDC00 && current() == '\\' && byte_at(text_, at_ + 1) == 'u') {
      const auto after_high = at_;
      const auto low = read_unicode_escape();
      if (!low) return false;
      if (*low >= 0xDC00 && *low <= 0xDFFF) return true;
      at_ = after_high;
    }
    return replace_with("\\ufffd");
  }

  /// Reads `\uXXXX`.
  std::optional<unsigned> read_unicode_escape() {
    unsigned unit = 0;
    for (std::size_t i = at_ + 2; i < at_ + 6; ++i) {
      const auto c = byte_at(text_, i);
      const auto folded = static_cast<unsigned>(c | 0x20);
      if (is_digit(c)) {
        unit = unit * 16 + (c - unsigned{'0'});
      } else if (folded >= 'a' && folded <= 'f') {
        unit = unit * 16 + (folded - 'a' + 10);
      } else {
        return std::nullopt;
      }
    }
    at_ += 6;
    return unit;
  }

  bool accept(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }

  /// Puts `text` in place of what was read since `start_`.
  bool replace_with(std::string_view text) {
    result_.append(text_.substr(copied_, start_ - copied_)).append(text);
    copied_ = at_;
    return true;
  }

  void skip_space() {
    while (current() == ' ' || current() == '\n' || current() == '\t' || current() == '\r') ++at_;
  }

  /// The byte at hand; 0, which no rule accepts, at the end.
  unsigned char current() const { return byte_at(text_, at_); }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t start_ = 0;   ///< Where the token that may be replaced begins.
  std::size_t copied_ = 0;  ///< How much of the text is in `result_`; 0 while nothing was replaced.
  std::string result_;
  std::vector<bool> open_;    ///< True for an object, false for an array.
  bool after_value_ = false;  ///< A comma or the end must follow.
  bool after_comma_ = false;  ///< A value must follow.
};

}  // namespace

JsonRepair repair_json(std::string_view text) {
  return Repairer(text).run();
}

}  // namespace nextgen_kernels
