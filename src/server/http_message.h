#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/verb.hpp>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "server/http_body_writer.h"

namespace nextgen_kernels {

namespace http = boost::beast::http;
/// A client's connection: TCP, a Unix-domain socket, or the plain end of a TLS tunnel.
using ClientSocket = boost::asio::generic::stream_protocol::socket;

/// How a request proved that it may come in.
enum class Credential {
  none,
  token,         ///< `Authorization` header or `?token=`: never sent by a browser on another site's behalf.
  cookie,        ///< Sent by browsers by themselves, also when another site makes them ask.
  not_required,  ///< The server runs without a token.
};

struct User;

/// What a request's body may hold unless its route takes more: fields of something to be made or changed.
inline constexpr std::uint64_t usual_body_bytes = std::uint64_t{1} << 20;

/// One request, taken apart. A value: handlers own theirs.
struct HttpRequest {
  http::verb method = http::verb::get;
  std::string method_name;
  unsigned version = 11;              ///< 10 for HTTP/1.0, 11 for HTTP/1.1.
  std::string path;                   ///< As it was sent, without the query; what logs show.
  std::vector<std::string> segments;  ///< The path's pieces, percent-decoded.
  std::vector<std::pair<std::string, std::string>> query;
  http::fields headers;
  std::string body;
  std::string client;        ///< The network address it came from; empty when it came over no network.
  bool is_https = false;     ///< The client speaks TLS, with this server or with a proxy that says so.
  std::string_view pattern;  ///< The route's, as it was added to the router; empty when there is none.
  std::map<std::string, std::string> parameters;  ///< What the route's `{name}` pieces matched.
  Credential credential = Credential::none;
  std::shared_ptr<const User> user;             ///< Who asks; nobody with `Credential::none`.
  std::uint64_t body_limit = usual_body_bytes;  ///< Of bytes that are read of the body; more is refused.
  bool waits = false;  ///< Its answer may take as long as code runs: see `HttpLimits::waiting_requests`.

  /// The first value of a header; empty when there is none.
  std::string_view header(std::string_view name) const;
  bool has_header(std::string_view name) const;

  std::optional<std::string_view> query_value(std::string_view name) const;

  /// The text of a `{name}` piece of the route; the route must have it.
  const std::string& parameter(const std::string& name) const { return parameters.at(name); }

  /// The value of a cookie (RFC 6265 §5.4).
  std::optional<std::string_view> cookie(std::string_view name) const;

  /// Whether a comma-separated header has this element, in any case (`Connection: keep-alive, Upgrade`).
  bool header_lists(std::string_view name, std::string_view element) const;
};

/// The fields of an HTML form (application/x-www-form-urlencoded); of several of a name, the first.
std::map<std::string, std::string> parse_form(std::string_view body);

/// Fills path, segments and query from a request target (RFC 9112 §3.2: origin-form, absolute-form or `*`).
Result<void> parse_target(std::string_view target, HttpRequest& request);

/// An answer. With `upgrade`, the connection becomes something else once the head has been sent; with
/// `stream`, the body is written while it comes to be.
struct HttpResponse {
  http::status status = http::status::ok;
  http::fields headers;
  std::string body;

  /// Takes over the connection; `received` is what the client sent after the head of its request.
  std::move_only_function<void(ClientSocket socket, std::string received)> upgrade;

  /// Writes the body instead of `body`. When it throws, the connection is closed, so that no client takes a
  /// part for the whole. Not called for HEAD.
  HttpBodyStream stream;
};

HttpResponse json_response(http::status status, const nlohmann::ordered_json& body);
HttpResponse empty_response(http::status status);
HttpResponse redirect_response(std::string_view location);

/// The status an error has on the HTTP boundary.
http::status status_of(ErrorCode code);

/// The error body that Jupyter's clients read, and no more than they read: `message`, `reason`, `traceback`.
HttpResponse error_response(http::status status, std::string_view message);
HttpResponse error_response(const Error& error);

/// The JSON object in a request's body; nothing when the body is empty.
Result<std::optional<nlohmann::json>> parse_json_body(const HttpRequest& request);

}  // namespace nextgen_kernels
