#include "app/server_url.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/shell.h"
#include "base/strings.h"

namespace nextgen_kernels {

namespace {

/// Where the pages and the API of a Jupyter server begin below its base URL.
constexpr std::array<std::string_view, 16> places = {
    "api",       "consoles",  "doc",   "edit",   "files",     "lab",  "login", "logout",
    "nbclassic", "notebooks", "retro", "static", "terminals", "tree", "view",  "voila"};

/// The base URL of the server that a path belongs to, which may be that of any of its pages.
std::string base_path_of(std::string_view path) {
  std::string base = "/";
  for (const auto piece : split(path, '/')) {
    const bool is_name = base.ends_with("/user/");  // JupyterHub's /user/NAME/, with any word as a name.
    if (!is_name && std::ranges::find(places, piece) != places.end()) break;
    if (!piece.empty()) base.append(piece) += '/';
  }
  return base;
}

bool is_printable(char c) {
  return static_cast<unsigned char>(c) > ' ' && c != '\x7f';
}

}  // namespace

Result<ServerUrl> ServerUrl::parse(std::string_view text) {
  text = trim(text);
  if (!std::ranges::all_of(text, is_printable))
    return make_error(ErrorCode::invalid_argument,
                      "The URL of a server contains a space or a control character");
  const auto scheme_end = text.find("://");
  auto scheme = std::string_view("http");
  if (scheme_end != std::string_view::npos) {
    scheme = text.substr(0, scheme_end);
    text.remove_prefix(scheme_end + 3);
  }
  if (scheme != "http" && scheme != "https" && scheme != "http+unix") {
    return make_error(ErrorCode::invalid_argument,
                      "The URL of a server must begin with http://, https:// or http+unix://, for example "
                      "http://127.0.0.1:8888/?token=…");
  }
  text = text.substr(0, text.find('#'));
  const auto query_start = text.find('?');
  const auto query =
      query_start == std::string_view::npos ? std::string_view() : text.substr(query_start + 1);
  text = text.substr(0, query_start);
  const auto path_start = text.find('/');
  auto authority = text.substr(0, path_start);

  ServerUrl url{.tls = scheme == "https"};
  if (url.tls) url.port = 443;
  if (path_start != std::string_view::npos) url.base_path = base_path_of(text.substr(path_start));
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

std::string ServerAddress::login_url(std::string_view token) const {
  return token.empty() ? url() : fmt::format("{}?token={}", url(), percent_encode(token));
}

std::string ServerAddress::attach_command(std::string_view token) const {
  const auto server = url();
  auto command = "jupyter lab " + shell_quote("--gateway-url=" + server.substr(0, server.size() - 1));
  if (!token.empty()) command += " " + shell_quote(fmt::format("--GatewayClient.auth_token={}", token));
  // The names of notebooks are for the page, and for kernels that ask for theirs.
  return command + " --GatewayClient.allowed_envs=JPY_SESSION_NAME";
}

}  // namespace nextgen_kernels
