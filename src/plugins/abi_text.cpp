#include "plugins/abi_text.h"

#include <algorithm>
#include <array>
#include <utility>

#include "wire/json.h"

namespace nextgen_kernels {
namespace {

// Of a record that is nested deeper nothing could be read.
constexpr std::size_t deepest_recorded_nesting = 32;

constexpr std::array<std::pair<ErrorCode, std::int32_t>, 10> error_codes = {{
    {ErrorCode::invalid_argument, NK_ERROR_INVALID_ARGUMENT},
    {ErrorCode::not_found, NK_ERROR_NOT_FOUND},
    {ErrorCode::already_exists, NK_ERROR_ALREADY_EXISTS},
    {ErrorCode::permission_denied, NK_ERROR_PERMISSION_DENIED},
    {ErrorCode::unavailable, NK_ERROR_UNAVAILABLE},
    {ErrorCode::timeout, NK_ERROR_TIMEOUT},
    {ErrorCode::resource_limit, NK_ERROR_RESOURCE_LIMIT},
    {ErrorCode::protocol, NK_ERROR_PROTOCOL},
    {ErrorCode::io, NK_ERROR_IO},
    {ErrorCode::internal, NK_ERROR_INTERNAL},
}};

}  // namespace

std::chrono::milliseconds duration_of(std::uint64_t milliseconds) {
  constexpr std::uint64_t a_year = std::uint64_t{365} * 24 * 3600 * 1000;  // More could overflow the clock.
  return std::chrono::milliseconds(std::min(milliseconds, a_year));
}

std::uint64_t milliseconds_of(std::chrono::steady_clock::duration duration) {
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(duration).count();
  return milliseconds < 0 ? 0 : static_cast<std::uint64_t>(milliseconds);
}

std::int32_t to_abi(ErrorCode code) {
  const auto* const found = std::ranges::find(error_codes, code, &std::pair<ErrorCode, std::int32_t>::first);
  return found == error_codes.end() ? NK_ERROR_INTERNAL : found->second;
}

ErrorCode error_code_from_abi(std::int32_t code) {
  const auto* const found = std::ranges::find(error_codes, code, &std::pair<ErrorCode, std::int32_t>::second);
  return found == error_codes.end() ? ErrorCode::internal : found->first;
}

std::string to_json_text(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Result<nlohmann::json> parse_json_object(std::string_view text, std::string_view what) {
  auto value = nlohmann::json::parse(text, nullptr, false);
  if (value.is_object()) return value;
  return make_error(ErrorCode::protocol, "{} is not a JSON object{}", what,
                    value.is_discarded() ? "" : fmt::format(" but {}", value.type_name()));
}

Result<nlohmann::json> parse_recorded_json(std::string_view text, std::string_view what) {
  if (nests_deeper_than(text, deepest_recorded_nesting))
    return make_error(ErrorCode::protocol, "{} is nested deeper than {} levels", what,
                      deepest_recorded_nesting);
  auto value = nlohmann::json::parse(text, nullptr, false);
  if (value.is_discarded()) return make_error(ErrorCode::protocol, "{} is not JSON", what);
  return value;
}

}  // namespace nextgen_kernels
