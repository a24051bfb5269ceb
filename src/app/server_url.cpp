#include "app/server_url.h"

#include <charconv>

#include "base/strings.h"

namespace nextgen_kernels {

Result<ServerUrl> ServerUrl::parse(std::string_view text) {
  const auto scheme_end = text.find("://");
  const auto scheme = text.substr(0, scheme_end);
  if (scheme_end == std::string_view::npos ||
      (scheme != "http" && scheme != "https" && scheme != "http+unix")) {
    return make_error(ErrorCode::invalid_argument,
                      "The URL of a server must begin with http://, https:// or http+unix://, for example "
                      "http://127.0.0.1:8888/?token=…");
  }
  text.remove_prefix(scheme_end + 3);
  text = text.substr(0, text.find('#'));
  const auto query_start = text.find('?');
  const auto query =
      query_start == std::string_view::npos ? std::string_view() : text.substr(query_start + 1);
  text = text.substr(0, query_start);
  const auto path_start = text.find('/');
  auto authority = text.substr(0, path_start);

  ServerUrl url{.tls = scheme == "https"};
  if (url.tls) url.port = 443;
  if (path_start != std::string_view::npos) url.base_path = text.substr(path_start);
  if (!url.base_path.ends_with('/')) url.base_path += '/';
  for (const auto parameter : split(query, '&')) {
    if (!parameter.starts_with("token=")) continue;
    const auto token = percent_decode(parameter.substr(6));
    if (!token) return make_error(ErrorCode::invalid_argument, "The token in the URL is not well-formed");
    url.token = *token;
  }
  if (authority.empty()) return make_error(ErrorCode::invalid_argument, "The URL names no host");
  if (scheme == "http+unix") {
    const auto sock = percent_decode(authority);
    if (!sock || !sock->starts_with('/')) {
      return make_error(ErrorCode::invalid_argument,
                        "'{}' is no socket: write its absolute path with %2F for each '/'", authority);
    }
    url.sock = *sock;
    return url;
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

std::string ServerAddress::url() const {
  if (!sock.empty()) return "http+unix://" + percent_encode(sock.native()) + base_path;
  const bool every = ip.empty() || ip == "*" || ip == "0.0.0.0" || ip == "::";
  const auto host = every ? "127.0.0.1" : ip.contains(':') ? "[" + ip + "]" : ip;
  return fmt::format("{}://{}:{}{}", scheme, host, port, base_path);
}

}  // namespace nextgen_kernels
