#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "runtime/task.h"
#include "server/http_message.h"

namespace nextgen_kernels {

using HttpHandler = std::function<Task<Result<HttpResponse>>(HttpRequest request)>;

/// What a route asks of the connection.
struct RouteOptions {
  std::uint64_t body_limit = usual_body_bytes;  ///< `HttpRequest::body_limit`.
  bool waits = false;                           ///< `HttpRequest::waits`.
};

/// Finds the handler for a method and a path. Made once, before the server runs; then read only.
class Router {
 public:
  /// `pattern` is a path whose pieces are literal, `{name}` (one piece of the request's path, not empty), or,
  /// as the last one, `{name...}` (all the rest, at least one piece).
  void add(http::verb method, std::string_view pattern, HttpHandler handler, RouteOptions options = {});

  struct Match {
    const HttpHandler* handler;
    RouteOptions options;
    std::string_view pattern;  ///< As it was added.
    std::map<std::string, std::string> parameters;
  };
  struct NoSuchPath {};
  struct MethodNotAllowed {
    std::string allow;  ///< The value of the `Allow` header.
  };
  using Outcome = std::variant<Match, NoSuchPath, MethodNotAllowed>;

  /// HEAD finds the handler of GET. OPTIONS has no handlers: it gives `MethodNotAllowed` for every path there
  /// is.
  Outcome find(http::verb method, const std::vector<std::string>& segments) const;

 private:
  struct Endpoint {
    HttpHandler handler;
    RouteOptions options;
  };
  struct Route {
    std::string text;
    std::vector<std::string> pattern;
    std::map<http::verb, Endpoint> endpoints;
  };

  std::vector<Route> routes_;
};

}  // namespace nextgen_kernels
