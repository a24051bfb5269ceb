#include "server/origin_policy.h"

#include <algorithm>
#include <array>

#include <boost/asio/ip/address.hpp>

#include "base/strings.h"

namespace nextgen_kernels {
namespace {

constexpr std::size_t longest_origin = 512;

/// The host of a Host header, without its port and without the brackets of an IPv6 address.
std::string host_name(std::string_view host) {
  const auto bracket = host.find(']');
  const auto rest = bracket == std::string_view::npos ? std::string_view() : host.substr(bracket + 1);
  if (host.starts_with('[') && (rest.empty() ? host.ends_with(']') : rest.starts_with(':')))
    return to_lower(host.substr(1, bracket - 1));
  return to_lower(host.substr(0, host.rfind(':')));
}

bool is_loopback(const std::string& host) {
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(host, error);
  return !error && address.is_loopback();
}

/// `host:port` of a URL.
std::string_view authority_of(std::string_view url) {
  const auto scheme_end = url.find("://");
  if (scheme_end == std::string_view::npos) return {};
  url.remove_prefix(scheme_end + 3);
  return url.substr(0, url.find_first_of("/?#"));
}

bool is_own(const HttpRequest& request, std::string_view url) {
  return to_lower(authority_of(url)) == to_lower(request.header("Host"));
}

/// `scheme://host:port` of a URL.
std::string_view origin_of(std::string_view url) {
  const auto authority = authority_of(url);
  if (authority.empty()) return {};
  return url.substr(0, static_cast<std::size_t>(authority.data() - url.data()) + authority.size());
}

}  // namespace

Result<OriginPolicy> OriginPolicy::make(OriginSettings settings) {
  for (auto& name : settings.local_hostnames) name = to_lower(name);
  OriginPolicy policy(std::move(settings));
  const auto& pattern = policy.settings_.allow_origin_pat;
  if (pattern.empty()) return policy;
  try {
    policy.pattern_.emplace(pattern, std::regex::ECMAScript | std::regex::icase | std::regex::optimize);
  } catch (const std::regex_error& error) {
    return make_error(ErrorCode::invalid_argument, "allow_origin_pat '{}' is not a regular expression: {}",
                      pattern, error.what());
  }
  return policy;
}

Result<void> OriginPolicy::check_host(const HttpRequest& request) const {
  if (settings_.allow_remote_access) return {};
  const auto header = request.header("Host");
  if (header.empty()) return {};  // HTTP/1.0, which browsers do not speak.
  const auto host = host_name(header);
  if (is_loopback(host) ||
      std::ranges::find(settings_.local_hostnames, host) != settings_.local_hostnames.end())
    return {};
  return make_error(
      ErrorCode::permission_denied,
      "This server answers only to names of its own machine, and '{}' is none of them. If it should be "
      "reachable under that name, set ServerApp.allow_remote_access, or add the name to "
      "ServerApp.local_hostnames",
      host);
}

bool OriginPolicy::is_allowed_origin(std::string_view origin) const {
  if (origin.empty() || origin.size() > longest_origin) return false;
  if (!settings_.allow_origin.empty()) return to_lower(origin) == to_lower(settings_.allow_origin);
  return pattern_ && std::regex_match(origin.begin(), origin.end(), *pattern_);
}

Result<void> OriginPolicy::check_origin(const HttpRequest& request) const {
  if (request.credential == Credential::token || settings_.allow_origin == "*") return {};
  const auto origin = request.header("Origin");
  if (!request.has_header("Origin") || !request.has_header("Host")) return {};
  if (is_own(request, origin) || is_allowed_origin(origin)) return {};
  return make_error(ErrorCode::permission_denied,
                    "Blocking a cross-origin request of '{}'. If that site may use this server, set "
                    "ServerApp.allow_origin to it",
                    origin.substr(0, longest_origin));
}

Result<void> OriginPolicy::check_same_site(const HttpRequest& request) const {
  if (request.credential == Credential::token) return {};
  // Who has no cookie has nothing that another site could misuse.
  if (request.credential == Credential::not_required && settings_.allow_origin == "*") return {};
  if (request.has_header("Origin")) {
    // That all sites may ask does not mean that they may act for those who have a cookie.
    const auto origin = request.header("Origin");
    if (is_own(request, origin) || is_allowed_origin(origin)) return {};
  } else if (request.has_header("Sec-Fetch-Site")) {
    const auto site = request.header("Sec-Fetch-Site");
    if (site == "same-origin" || site == "none") return {};
  } else if (request.has_header("Referer")) {
    const auto referer = request.header("Referer");
    if (is_own(request, referer) || is_allowed_origin(origin_of(referer))) return {};
  } else if (request.credential == Credential::not_required) {
    return {};  // Browsers send at least one of these; this is a program, and there is no cookie to misuse.
  }
  return make_error(
      ErrorCode::permission_denied,
      "Blocking a request that does not seem to come from a page of this server. Programs send the "
      "token, as 'Authorization: token …'");
}

void OriginPolicy::add_cors_headers(const HttpRequest& request, HttpResponse& response) const {
  const auto origin = request.header("Origin");
  auto& headers = response.headers;
  if (settings_.allow_origin == "*") {
    headers.set(http::field::access_control_allow_origin, "*");
  } else if (!origin.empty()) {
    const bool unrestricted = settings_.allow_origin.empty() && !pattern_;
    if (is_allowed_origin(origin) || (unrestricted && request.credential == Credential::token)) {
      headers.set(http::field::access_control_allow_origin, origin);
      headers.set(http::field::vary, "Origin");
    }
  }
  if (settings_.allow_credentials) headers.set(http::field::access_control_allow_credentials, "true");
}

void OriginPolicy::add_preflight_headers(const HttpRequest& request, HttpResponse& response) const {
  add_cors_headers(request, response);
  auto& headers = response.headers;
  headers.set(http::field::access_control_allow_headers, "accept, content-type, authorization, x-xsrftoken");
  headers.set(http::field::access_control_allow_methods, "GET, PUT, POST, PATCH, DELETE, OPTIONS");
  const auto origin = request.header("Origin");
  const bool unrestricted = settings_.allow_origin.empty() && !pattern_;
  // The request that follows shows a token; if it is the wrong one, that request is refused.
  if (unrestricted && !origin.empty() &&
      request.header_lists("Access-Control-Request-Headers", "authorization")) {
    headers.set(http::field::access_control_allow_origin, origin);
    headers.set(http::field::vary, "Origin");
  }
}

}  // namespace nextgen_kernels
