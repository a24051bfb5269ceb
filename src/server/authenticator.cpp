#include "server/authenticator.h"

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "wire/digest.h"

namespace nextgen_kernels {
namespace {

/// `username-127-0-0-1-8888`: Jupyter's name, so that servers on several ports of a host do not share a
/// cookie.
std::string cookie_name(const HttpRequest& request) {
  std::string name = "username-";
  for (const char c : request.header("Host")) {
    const bool alphanumeric = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    name += alphanumeric ? c : '-';
  }
  return name;
}

/// The credentials of an Authorization header whose scheme is one that carries a token; empty for others.
std::string_view token_of_header(std::string_view authorization) {
  const auto space = authorization.find(' ');
  if (space == std::string_view::npos) return {};
  const auto scheme = to_lower(authorization.substr(0, space));
  if (scheme != "token" && scheme != "bearer") return {};
  return trim(authorization.substr(space));
}

}  // namespace

Credential Authenticator::authenticate(const HttpRequest& request) const {
  if (token_.empty()) return Credential::not_required;
  if (has_token(request)) return Credential::token;
  if (has_cookie(request)) return Credential::cookie;
  return Credential::none;
}

bool Authenticator::has_token(const HttpRequest& request) const {
  if (equal_constant_time(token_of_header(request.header("Authorization")), token_)) return true;
  return equal_constant_time(request.query_value("token").value_or(""), token_);
}

bool Authenticator::has_cookie(const HttpRequest& request) const {
  const auto name = cookie_name(request);
  const auto expected = cookie_value(name);
  const auto [begin, end] = request.headers.equal_range(http::field::cookie);
  return std::any_of(begin, end, [&name, &expected](const auto& field) {
    const std::string_view cookies = field.value();
    return std::ranges::any_of(split(cookies, ';'), [&name, &expected](std::string_view cookie) {
      cookie = trim(cookie);
      const auto equals = cookie.find('=');
      return equals != std::string_view::npos && cookie.substr(0, equals) == name &&
             equal_constant_time(cookie.substr(equals + 1), expected);
    });
  });
}

std::string Authenticator::make_cookie(const HttpRequest& request, std::string_view path) const {
  const auto name = cookie_name(request);
  return fmt::format("{}={}; HttpOnly; SameSite=Lax; Path={}", name, cookie_value(name), path);
}

// Derived from the token, so that it holds over a restart with the same token and ends with a change of it.
std::string Authenticator::cookie_value(std::string_view cookie_name) const {
  auto digest = KeyedDigest::make("sha256", token_);
  return digest->compute_hex(std::array<std::string_view, 2>{"nextgen-kernels cookie ", cookie_name});
}

}  // namespace nextgen_kernels
