#pragma once

#include <optional>
#include <regex>
#include <string>
#include <vector>

#include "base/error.h"
#include "server/http_message.h"

namespace nextgen_kernels {

/// Which other sites' pages may use this server from a browser; the names are upstream's traits.
struct OriginSettings {
  std::string allow_origin;      ///< One origin (`https://host:port`), or `*`.
  std::string allow_origin_pat;  ///< A regular expression that a whole origin matches, in any case.
  bool allow_credentials = false;

  /// Whether pages of other sites, which are named, may send the visitor's cookie.
  bool lets_sites_send_cookies() const {
    return allow_credentials && allow_origin != "*" && !(allow_origin.empty() && allow_origin_pat.empty());
  }

  /// False: only requests that name this machine (a loopback address, or one of `local_hostnames`) as their
  /// host are answered, so that a site cannot reach a local server by pointing its own name here (DNS
  /// rebinding).
  bool allow_remote_access = false;
  std::vector<std::string> local_hostnames = {"localhost"};
};

/// Keeps other sites from acting through a visitor's browser: Host, Origin and Referer checks, and CORS
/// headers.
class OriginPolicy {
 public:
  /// Fails when the pattern is not a regular expression.
  static Result<OriginPolicy> make(OriginSettings settings);

  /// Whether the Host is one this server answers to.
  Result<void> check_host(const HttpRequest& request) const;

  /// Whether the site that asks may. Who shows the token may always: a foreign page does not know it.
  Result<void> check_origin(const HttpRequest& request) const;

  /// For requests that change something: a browser that came with a cookie has to show that one of our pages
  /// asks, or one of a site that is named.
  Result<void> check_same_site(const HttpRequest& request) const;

  /// The headers that let the asking page read the answer.
  void add_cors_headers(const HttpRequest& request, HttpResponse& response) const;

  /// The headers of the answer to OPTIONS, which browsers send before a request from another site.
  void add_preflight_headers(const HttpRequest& request, HttpResponse& response) const;

 private:
  explicit OriginPolicy(OriginSettings settings) : settings_(std::move(settings)) {}

  bool is_allowed_origin(std::string_view origin) const;

  OriginSettings settings_;
  std::optional<std::regex> pattern_;
};

}  // namespace nextgen_kernels
