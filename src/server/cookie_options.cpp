#include "server/cookie_options.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "base/strings.h"

namespace nextgen_kernels {
namespace {

constexpr std::int64_t seconds_of_day = std::int64_t{24} * 3600;
constexpr double longest_days = 3650;

Error wrong_value(std::string_view name, std::string_view text, std::string_view expected) {
  return {ErrorCode::invalid_argument, fmt::format("IdentityProvider.cookie_options: {} must be {}, not '{}'",
                                                   name, expected, printable(text))};
}

/// What may stand in an attribute of a cookie (RFC 6265 §4.1.1).
bool is_attribute_value(std::string_view value) {
  return !value.empty() &&
         std::ranges::all_of(value, [](char c) { return c > ' ' && c < 0x7f && c != ';' && c != ','; });
}

Result<std::string> read_domain(std::string_view name, const std::string& text) {
  if (is_attribute_value(text)) return text;
  return std::unexpected(wrong_value(name, text, "the name of a host"));
}

Result<std::string> read_path(std::string_view name, const std::string& text) {
  if (is_attribute_value(text) && text.starts_with('/')) return text;
  return std::unexpected(wrong_value(name, text, "a path that starts with '/'"));
}

Result<bool> read_bool(std::string_view name, const std::string& text) {
  const auto lower = to_lower(text);
  if (lower == "true" || lower == "1") return true;
  if (lower == "false" || lower == "0") return false;
  return std::unexpected(wrong_value(name, text, "true or false"));
}

Result<std::string> read_same_site(std::string_view name, const std::string& text) {
  for (const std::string value : {"Lax", "Strict", "None"})
    if (to_lower(text) == to_lower(value)) return value;
  return std::unexpected(wrong_value(name, text, "Lax, Strict or None"));
}

Result<std::chrono::seconds> read_max_age(std::string_view name, const std::string& text) {
  const bool in_days = name == "expires_days";
  const auto unit = static_cast<double>(in_days ? seconds_of_day : 1);
  double number = 0;
  const auto* last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, number);
  const double seconds = number * unit;
  if (error == std::errc() && end == last && seconds >= 1 &&
      seconds <= longest_days * static_cast<double>(seconds_of_day))
    return std::chrono::seconds(static_cast<std::int64_t>(seconds));
  return std::unexpected(wrong_value(
      name, text,
      in_days ? "a number of days, at most 3650" : "a number of seconds, at most those of 3650 days"));
}

}  // namespace

Result<CookieOptions> parse_cookie_options(const std::map<std::string, std::string>& options) {
  CookieOptions parsed;
  const auto keep = [](auto& member, auto value) -> Result<void> {
    if (!value) return std::unexpected(value.error());
    member = *std::move(value);
    return {};
  };
  const auto read = [&](std::string_view name, const std::string& text) -> Result<void> {
    if (name == "domain") return keep(parsed.domain, read_domain(name, text));
    if (name == "path") return keep(parsed.path, read_path(name, text));
    if (name == "max_age" || name == "expires_days") return keep(parsed.max_age, read_max_age(name, text));
    if (name == "httponly") return keep(parsed.http_only, read_bool(name, text));
    if (name == "secure") return keep(parsed.secure, read_bool(name, text));
    if (name == "samesite") return keep(parsed.same_site, read_same_site(name, text));
    return make_error(
        ErrorCode::invalid_argument,
        "IdentityProvider.cookie_options: {} is not known; there are domain, expires_days, httponly, "
        "max_age, path, samesite and secure",
        printable(name));
  };
  for (const auto& [name, text] : options)
    if (auto done = read(to_lower(name), text); !done) return std::unexpected(done.error());
  return parsed;
}

}  // namespace nextgen_kernels
