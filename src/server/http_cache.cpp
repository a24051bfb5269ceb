#include "server/http_cache.h"

#include <algorithm>
#include <array>

#include "base/strings.h"

namespace nextgen_kernels {
namespace {

bool names_entity(std::string_view if_none_match, std::string_view entity_tag) {
  return std::ranges::any_of(split(if_none_match, ','), [entity_tag](std::string_view candidate) {
    candidate = trim(candidate);
    if (candidate == "*") return true;
    if (candidate.starts_with("W/")) candidate.remove_prefix(2);
    return candidate == entity_tag;
  });
}

bool has_current_copy(const HttpRequest& request, const HttpResponse& response) {
  if (request.has_header("If-None-Match"))
    return names_entity(request.header("If-None-Match"), response.headers[http::field::etag]);
  const auto since = request.header("If-Modified-Since");
  return !since.empty() && since == response.headers[http::field::last_modified];
}

}  // namespace

std::string format_http_date(std::time_t time) {
  std::tm parts{};
  gmtime_r(&time, &parts);
  std::array<char, 64> text{};
  const auto size = std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return {text.data(), size};
}

std::string make_entity_tag(std::string_view body) {
  return fmt::format("\"{:x}-{:x}\"", body.size(), std::hash<std::string_view>{}(body));
}

HttpResponse revalidate(const HttpRequest& request, HttpResponse response) {
  if (!has_current_copy(request, response)) return response;
  response.status = http::status::not_modified;
  response.headers.erase(http::field::content_type);
  response.body.clear();
  return response;
}

}  // namespace nextgen_kernels
