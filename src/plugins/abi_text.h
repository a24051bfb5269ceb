#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include <nextgen_kernels/abi.h>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace nextgen_kernels {

inline nk_string to_abi(std::string_view text) {
  return {text.data(), text.size()};
}
inline std::string_view from_abi(nk_string text) {
  return text.data == nullptr ? std::string_view() : std::string_view(text.data, text.size);
}

/// Milliseconds of the ABI, and back.
std::chrono::milliseconds duration_of(std::uint64_t milliseconds);
std::uint64_t milliseconds_of(std::chrono::steady_clock::duration duration);

/// The number of an error's kind in the ABI, and back; an unknown number is `internal`.
std::int32_t to_abi(ErrorCode code);
ErrorCode error_code_from_abi(std::int32_t code);

/// JSON for a plugin. What is not UTF-8 in it is replaced, see `OriginalTexts`.
std::string to_json_text(const nlohmann::json& value);

/// A JSON object from a plugin; `what` names it in the error, which holds nothing of the text: it may be
/// connection info.
Result<nlohmann::json> parse_json_object(std::string_view text, std::string_view what);

/// The same for any JSON value that is to be kept in a record (`KernelRecord`), which must not be nested
/// deeply.
Result<nlohmann::json> parse_recorded_json(std::string_view text, std::string_view what);

}  // namespace nextgen_kernels
