#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/error.h"

namespace nextgen_kernels {

/// One member of a JSON object, as `for_each_member` shows it. Valid during the visit only.
struct JsonMember {
  std::string_view key;                    ///< Decoded.
  std::string_view value;                  ///< The value as written: a slice of the visited text.
  std::optional<std::string_view> string;  ///< The decoded value, when it is a string.
  bool escaped = false;                    ///< False: `string` is a slice of the visited text, too.
};

namespace detail {
Result<void> visit_members(std::string_view object, void (*visit)(void*, const JsonMember&), void* context);
}  // namespace detail

/// Calls `visit(const JsonMember&)` for each member of the outermost object, in order; nested values are not
/// looked into. Fails with ErrorCode::protocol, before any visit, when the text is not valid JSON or not an
/// object. A visitor must not walk another object. Of duplicate keys every one is visited; Python's and
/// JavaScript's parsers let the last win.
template <typename Visit>
Result<void> for_each_member(std::string_view object, Visit&& visit) {
  using Visitor = std::remove_reference_t<Visit>;
  return detail::visit_members(
      object, [](void* context, const JsonMember& member) { (*static_cast<Visitor*>(context))(member); },
      &visit);
}

/// True for a complete JSON text (RFC 8259) in valid UTF-8. Numbers of any size and any depth of nesting
/// pass; an escaped lone surrogate (`\ud800`) does not, since strict parsers refuse it.
bool is_valid_json(std::string_view text);

/// True when arrays and objects of the JSON text lie in one another more than `depth` deep. Needs no memory;
/// of what is not JSON the answer means nothing. For texts that are going to be handled recursively.
bool nests_deeper_than(std::string_view json, std::size_t depth);

/// True for well-formed UTF-8 (RFC 3629).
bool is_valid_utf8(std::string_view text);

/// The text as a JSON string with its quotes. The text must be valid UTF-8.
std::string quote_json(std::string_view text);

}  // namespace nextgen_kernels
