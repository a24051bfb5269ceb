#include "server/http_message.h"

#include <algorithm>

#include "base/strings.h"
#include "wire/json.h"

namespace nextgen_kernels {
namespace {

// Values are copied by recursion: what is nested without end would exhaust the stack.
constexpr std::size_t deepest_nesting = 64;

/// Decodes one piece of a query (`+` is a space). Broken escapes stay as they are, as in Tornado.
std::string decode_query_piece(std::string_view piece) {
  std::string text(piece);
  std::ranges::replace(text, '+', ' ');
  return percent_decode(text).value_or(text);
}

std::vector<std::pair<std::string, std::string>> parse_query(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> values;
  for (const auto piece : split(query, '&')) {
    const auto equals = piece.find('=');
    if (equals == std::string_view::npos)
      values.emplace_back(decode_query_piece(piece), "");
    else
      values.emplace_back(decode_query_piece(piece.substr(0, equals)),
                          decode_query_piece(piece.substr(equals + 1)));
  }
  return values;
}

/// A target in absolute-form without its scheme and authority.
std::string_view strip_authority(std::string_view target) {
  const auto scheme_end = target.find("://");
  if (scheme_end == std::string_view::npos || target.front() == '/') return target;
  const auto path = target.find_first_of("/?", scheme_end + 3);
  return path == std::string_view::npos ? "/" : target.substr(path);
}

}  // namespace

std::string_view HttpRequest::header(std::string_view name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? std::string_view() : std::string_view(found->value());
}

bool HttpRequest::has_header(std::string_view name) const {
  return headers.find(name) != headers.end();
}

std::optional<std::string_view> HttpRequest::query_value(std::string_view name) const {
  const auto found =
      std::ranges::find(query, name, [](const auto& pair) { return std::string_view(pair.first); });
  if (found == query.end()) return std::nullopt;
  return found->second;
}

std::optional<std::string_view> HttpRequest::cookie(std::string_view name) const {
  const auto [begin, end] = headers.equal_range(http::field::cookie);
  for (auto field = begin; field != end; ++field) {
    const std::string_view cookies = field->value();
    for (auto cookie : split(cookies, ';')) {
      cookie = trim(cookie);
      const auto equals = cookie.find('=');
      if (equals != std::string_view::npos && cookie.substr(0, equals) == name)
        return cookie.substr(equals + 1);
    }
  }
  return std::nullopt;
}

bool HttpRequest::header_lists(std::string_view name, std::string_view element) const {
  const auto [begin, end] = headers.equal_range(name);
  return std::any_of(begin, end, [element](const auto& field) {
    const std::string_view value = field.value();
    return std::ranges::any_of(split(value, ','),
                               [element](auto piece) { return to_lower(trim(piece)) == to_lower(element); });
  });
}

std::map<std::string, std::string> parse_form(std::string_view body) {
  std::map<std::string, std::string> fields;
  for (auto& [name, value] : parse_query(trim(body))) fields.try_emplace(std::move(name), std::move(value));
  return fields;
}

Result<void> parse_target(std::string_view target, HttpRequest& request) {
  if (target.empty()) return make_error(ErrorCode::invalid_argument, "The request has no target");
  target = strip_authority(target);
  const auto question_mark = target.find('?');
  const auto path = target.substr(0, question_mark);
  request.path = path;
  if (question_mark != std::string_view::npos) request.query = parse_query(target.substr(question_mark + 1));
  if (path == "*" && request.method == http::verb::options) return {};
  if (!path.starts_with('/') && !path.empty())
    return make_error(ErrorCode::invalid_argument, "The request target does not start with '/'");
  if (path.size() < 2) return {};
  for (const auto piece : split(path.substr(1), '/')) {
    auto segment = percent_decode(piece);
    if (!segment || segment->find('\0') != std::string::npos)
      return make_error(ErrorCode::invalid_argument,
                        "The path of the request has a malformed percent escape");
    request.segments.push_back(std::move(*segment));
  }
  return {};
}

HttpResponse json_response(http::status status, const nlohmann::ordered_json& body) {
  HttpResponse response;
  response.status = status;
  response.headers.set(http::field::content_type, "application/json");
  // What kernels and clients name themselves is not always valid UTF-8; that must not fail a listing.
  response.body = body.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  return response;
}

HttpResponse empty_response(http::status status) {
  HttpResponse response;
  response.status = status;
  return response;
}

HttpResponse redirect_response(std::string_view location) {
  auto response = empty_response(http::status::found);
  response.headers.set(http::field::location, location);
  return response;
}

http::status status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument:
      return http::status::bad_request;
    case ErrorCode::not_found:
      return http::status::not_found;
    case ErrorCode::already_exists:
      return http::status::conflict;
    case ErrorCode::permission_denied:
      return http::status::forbidden;
    case ErrorCode::unavailable:
      return http::status::service_unavailable;
    case ErrorCode::timeout:
      return http::status::gateway_timeout;
    case ErrorCode::resource_limit:
      return http::status::forbidden;
    case ErrorCode::protocol:
      return http::status::bad_gateway;
    case ErrorCode::io:
      return http::status::internal_server_error;
    case ErrorCode::internal:
      return http::status::internal_server_error;
  }
  return http::status::internal_server_error;
}

namespace {

HttpResponse explain(http::status status, std::string_view message, std::string_view reason) {
  return json_response(status, {{"message", message}, {"reason", reason}, {"traceback", ""}});
}

}  // namespace

HttpResponse error_response(http::status status, std::string_view message) {
  return explain(status, message, std::string_view(http::obsolete_reason(status)));
}

HttpResponse error_response(const Error& error) {
  // As Kernel Gateway: by its status alone it is like a wrong token.
  if (error.code == ErrorCode::resource_limit)
    return explain(status_of(error.code), error.message, "Resource Limit");
  return error_response(status_of(error.code), error.message);
}

Result<std::optional<nlohmann::json>> parse_json_body(const HttpRequest& request) {
  if (trim(request.body).empty()) return std::nullopt;
  if (nests_deeper_than(request.body, deepest_nesting))
    return make_error(ErrorCode::invalid_argument, "The JSON in the body of the request is nested too deep");
  auto body = nlohmann::json::parse(request.body, nullptr, false);
  if (body.is_discarded()) return make_error(ErrorCode::invalid_argument, "Invalid JSON in body of request");
  if (body.is_null()) return std::nullopt;
  if (!body.is_object())
    return make_error(ErrorCode::invalid_argument,
                      "The JSON in the body of the request must be an object, not {}", body.type_name());
  return body;
}

}  // namespace nextgen_kernels
