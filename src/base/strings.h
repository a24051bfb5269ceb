#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nextgen_kernels {

/// Lets `std::unordered_map<std::string, T, StringHash, std::equal_to<>>` be searched by `string_view`.
struct StringHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

/// Lower-case hexadecimal of the bytes.
std::string to_hex(std::string_view bytes);

/// The pieces between separators; an empty text has no pieces.
std::vector<std::string_view> split(std::string_view text, char separator);

/// The text without leading and trailing ASCII white space.
std::string_view trim(std::string_view text);

std::string to_lower(std::string_view text);

/// True for equal texts; the time taken depends on the lengths only. For tokens and signatures.
bool equal_constant_time(std::string_view left, std::string_view right);

/// Decodes `%XX`; nothing when an escape is malformed.
std::optional<std::string> percent_decode(std::string_view text);

/// Escapes everything but RFC 3986's unreserved characters.
std::string percent_encode(std::string_view text);

/// Replaces each occurrence of a secret (texts of at least four bytes) by `[secret]`.
std::string redact(std::string_view text, const std::vector<std::string>& secrets);

/// The text with everything that is not well-formed UTF-8 (RFC 3629) replaced by U+FFFD.
std::string replace_invalid_utf8(std::string_view text);

/// The text with ASCII control characters as `\xNN`: what a file says cannot steer the terminal it is shown
/// on.
std::string printable(std::string_view text);

/// The text with a period at its end, unless a period or another mark that ends a sentence is there: for a
/// message that another sentence follows.
std::string as_sentence(std::string_view text);

/// "a status", "an execute_request": a lower-case English word or a message type with its article.
std::string with_article(std::string_view word);

/// Of `candidates` the one a person most likely meant (edit distance of at most a third of its length).
std::optional<std::string> closest_match(std::string_view text, const std::vector<std::string>& candidates);

/// This process's environment.
std::map<std::string, std::string> process_environment();

}  // namespace nextgen_kernels
