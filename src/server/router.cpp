#include "server/router.h"

#include <algorithm>
#include <optional>
#include <span>

#include "base/strings.h"

namespace nextgen_kernels {
namespace {

using Parameters = std::map<std::string, std::string>;

std::string join_path(std::span<const std::string> segments) {
  std::string path;
  for (const auto& segment : segments) {
    if (!path.empty()) path += '/';
    path += segment;
  }
  return path;
}

std::optional<Parameters> match(const std::vector<std::string>& pattern,
                                const std::vector<std::string>& segments) {
  Parameters parameters;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (i >= segments.size()) return std::nullopt;
    const auto& piece = pattern[i];
    if (!piece.starts_with('{')) {
      if (piece != segments[i]) return std::nullopt;
      continue;
    }
    if (segments[i].empty()) return std::nullopt;
    if (piece.ends_with("...}")) {
      parameters.emplace(piece.substr(1, piece.size() - 5), join_path(std::span(segments).subspan(i)));
      return parameters;
    }
    parameters.emplace(piece.substr(1, piece.size() - 2), segments[i]);
  }
  if (segments.size() != pattern.size()) return std::nullopt;
  return parameters;
}

/// The value of an `Allow` header, of a map by method.
std::string list_methods(const auto& endpoints) {
  std::string allow;
  for (const auto& [method, endpoint] : endpoints) {
    allow += std::string_view(http::to_string(method));
    allow += ", ";
    if (method == http::verb::get) allow += "HEAD, ";
  }
  return allow + "OPTIONS";
}

}  // namespace

void Router::add(http::verb method, std::string_view pattern, HttpHandler handler, RouteOptions options) {
  std::vector<std::string> pieces;
  for (const auto piece : split(pattern.substr(1), '/')) pieces.emplace_back(piece);
  auto route = std::ranges::find(routes_, pieces, &Route::pattern);
  if (route == routes_.end())
    route = routes_.insert(routes_.end(), {std::string(pattern), std::move(pieces), {}});
  route->endpoints.insert_or_assign(method, Endpoint{std::move(handler), options});
}

Router::Outcome Router::find(http::verb method, const std::vector<std::string>& segments) const {
  if (method == http::verb::head) method = http::verb::get;
  for (const auto& route : routes_) {
    auto parameters = match(route.pattern, segments);
    if (!parameters) continue;
    const auto endpoint = route.endpoints.find(method);
    if (endpoint == route.endpoints.end()) return MethodNotAllowed{list_methods(route.endpoints)};
    return Match{.handler = &endpoint->second.handler,
                 .options = endpoint->second.options,
                 .pattern = route.text,
                 .parameters = std::move(*parameters)};
  }
  return NoSuchPath{};
}

}  // namespace nextgen_kernels
