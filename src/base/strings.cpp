#include "base/strings.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>
#include <unistd.h>

namespace nextgen_kernels {
namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// The length of the UTF-8 sequence that `text` starts with, or 0 when it starts with none (RFC 3629 §4).
std::size_t utf8_sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto first = byte(0);
  if (first < 0x80) return 1;
  std::size_t length = 0;
  unsigned char low = 0x80;
  unsigned char high = 0xBF;
  if (first >= 0xC2 && first <= 0xDF) length = 2;
  if (first >= 0xE0 && first <= 0xEF) length = 3;
  if (first >= 0xF0 && first <= 0xF4) length = 4;
  if (first == 0xE0) low = 0xA0;   // Overlong.
  if (first == 0xED) high = 0x9F;  // Surrogates.
  if (first == 0xF0) low = 0x90;   // Overlong.
  if (first == 0xF4) high = 0x8F;  // Beyond U+10FFFF.
  if (length == 0 || text.size() < length) return 0;
  if (byte(1) < low || byte(1) > high) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if (byte(i) < 0x80 || byte(i) > 0xBF) return 0;
  }
  return length;
}

/// How many insertions, deletions, substitutions and swaps of neighbours make one text of the other; case is
/// ignored.
std::size_t edit_distance(std::string_view left, std::string_view right) {
  std::vector<std::vector<std::size_t>> distance(left.size() + 1, std::vector<std::size_t>(right.size() + 1));
  for (std::size_t i = 0; i <= left.size(); ++i) distance[i][0] = i;
  std::iota(distance[0].begin(), distance[0].end(), std::size_t{0});
  for (std::size_t i = 1; i <= left.size(); ++i) {
    for (std::size_t j = 1; j <= right.size(); ++j) {
      const bool same = lower(left[i - 1]) == lower(right[j - 1]);
      distance[i][j] =
          std::min({distance[i - 1][j] + 1, distance[i][j - 1] + 1, distance[i - 1][j - 1] + (same ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && lower(left[i - 1]) == lower(right[j - 2]) &&
                           lower(left[i - 2]) == lower(right[j - 1]);
      if (swapped) distance[i][j] = std::min(distance[i][j], distance[i - 2][j - 2] + 1);
    }
  }
  return distance[left.size()][right.size()];
}

}  // namespace

std::string to_hex(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto value = static_cast<unsigned char>(c);
    text += hex_digits[value >> 4];
    text += hex_digits[value & 15];
  }
  return text;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> pieces;
  if (text.empty()) return pieces;
  while (true) {
    const auto end = text.find(separator);
    pieces.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return pieces;
    text.remove_prefix(end + 1);
  }
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view space = " \t\r\n\v\f";
  const auto first = text.find_first_not_of(space);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(space) - first + 1);
}

std::string to_lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), lower);
  return result;
}

bool equal_constant_time(std::string_view left, std::string_view right) {
  if (left.size() != right.size()) return false;
  volatile unsigned char difference = 0;
  for (std::size_t i = 0; i < left.size(); ++i)
    difference = difference | static_cast<unsigned char>(left[i] ^ right[i]);
  return difference == 0;
}

std::optional<std::string> percent_decode(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      result += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = hex_value(text[i + 1]);
    const int low = hex_value(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    result += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return result;
}

std::string percent_encode(std::string_view text) {
  std::string result;
  for (const char c : text) {
    const bool unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                            c == '-' || c == '.' || c == '_' || c == '~';
    if (unreserved) {
      result += c;
    } else {
      result += '%';
      const auto value = static_cast<unsigned char>(c);
      result += "0123456789ABCDEF"[value >> 4];
      result += "0123456789ABCDEF"[value & 15];
    }
  }
  return result;
}

std::string redact(std::string_view text, const std::vector<std::string>& secrets) {
  std::string result(text);
  for (const auto& secret : secrets) {
    if (secret.size() < 4) continue;
    for (auto at = result.find(secret); at != std::string::npos; at = result.find(secret, at))
      result.replace(at, secret.size(), "[secret]");
  }
  return result;
}

std::string replace_invalid_utf8(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const auto length = utf8_sequence_length(text);
    result += length == 0 ? std::string_view("\xEF\xBF\xBD") : text.substr(0, length);
    text.remove_prefix(std::max<std::size_t>(1, length));
  }
  return result;
}

std::string printable(std::string_view text) {
  std::string result;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f)
      result += "\\x" + to_hex({&c, 1});
    else
      result += c;
  }
  return result;
}

std::string as_sentence(std::string_view text) {
  text = trim(text);
  constexpr std::string_view ends = ".!?:";
  const bool has_end = text.empty() || ends.contains(text.back()) || text.ends_with("…");
  return std::string(text) + (has_end ? "" : ".");
}

std::string with_article(std::string_view word) {
  constexpr std::string_view vowels = "aeio";
  const bool sounds_like_vowel =
      !word.empty() && (vowels.contains(word.front()) ||
                        (word.front() == 'u' && !word.starts_with("us") && !word.starts_with("uni")));
  return fmt::format("{} {}", sounds_like_vowel ? "an" : "a", word);
}

std::optional<std::string> closest_match(std::string_view text, const std::vector<std::string>& candidates) {
  std::optional<std::string> best;
  std::size_t best_distance = std::string_view::npos;
  for (const auto& candidate : candidates) {
    const auto limit = std::max<std::size_t>(1, candidate.size() / 3);
    if (text.size() > candidate.size() + limit) continue;
    const auto distance = edit_distance(text, candidate);
    if (distance < best_distance && distance <= limit) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

std::map<std::string, std::string> process_environment() {
  std::map<std::string, std::string> result;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const auto equals = text.find('=');
    if (equals != std::string_view::npos && equals > 0)
      result.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return result;
}

}  // namespace nextgen_kernels
