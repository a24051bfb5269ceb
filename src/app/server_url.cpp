#include "app/server_url.h"

#include <charconv>

#include "base/strings.h"

namespace nextgen_kernels {

Result<ServerUrl> ServerUrl::parse(std::string_view text) {
  constexpr std::string_view scheme = "http://";
  if (!text.starts_with(scheme)) {
    return make_error(
        ErrorCode::invalid_argument,
        "The URL of a server must begin with http://, for example http://127.0.0.1:8888/?token=…");
  }
  text.remove_prefix(scheme.size());
  text = text.substr(0, text.find('#'));
  const auto query_start = text.find('?');
  const auto query =
      query_start == std::string_view::npos ? std::string_view() : text.substr(query_start + 1);
  text = text.substr(0, query_start);
  const auto path_start = text.find('/');
  auto authority = text.substr(0, path_start);

  ServerUrl url;
  if (path_start != std::string_view::npos) url.base_path = text.substr(path_start);
  if (!url.base_path.ends_with('/')) url.base_path += '/';
  for (const auto parameter : split(query, '&')) {
    if (!parameter.starts_with("token=")) continue;
    const auto token = percent_decode(parameter.substr(6));
    if (!token) return make_error(ErrorCode::invalid_argument, "The token in the URL is not well-formed");
    url.token = *token;
  }
  const auto bracket = authority.rfind(']');  // [::1]:8888
  const auto colon = authority.rfind(':');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
    const auto digits = authority.substr(colon + 1);
    const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), url.port);
    if (failure != std::errc() || end != digits.data() + digits.size() || url.port == 0)
      return make_error(ErrorCode::invalid_argument, "'{}' is no port number", digits);
    authority = authority.substr(0, colon);
  }
  if (authority.starts_with('[') && authority.ends_with(']'))
    authority = authority.substr(1, authority.size() - 2);
  if (authority.empty()) return make_error(ErrorCode::invalid_argument, "The URL names no host");
  url.host = authority;
  return url;
}

std::string local_url(std::string_view ip, std::uint16_t port) {
  if (ip.empty() || ip == "*" || ip == "0.0.0.0" || ip == "::") ip = "127.0.0.1";
  if (ip.contains(':')) return fmt::format("http://[{}]:{}", ip, port);
  return fmt::format("http://{}:{}", ip, port);
}

}  // namespace nextgen_kernels
