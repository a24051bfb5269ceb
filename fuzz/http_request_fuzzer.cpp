#include <array>
#include <string>
#include <vector>

#include "fuzzing.h"
#include "server/authenticator.h"
#include "server/execute_body.h"
#include "server/http_cache.h"
#include "server/http_message.h"
#include "server/json_fields.h"
#include "server/kernel_environment.h"
#include "server/origin_policy.h"
#include "server/websocket_handshake.h"

using namespace nextgen_kernels;

namespace {

constexpr std::array header_names = {
    "Host",           "Origin",     "Referer",       "Authorization",         "Cookie",
    "Upgrade",        "Connection", "If-None-Match", "Sec-WebSocket-Version", "Sec-WebSocket-Key",
    "Sec-Fetch-Site",
};
constexpr std::string_view token = "a token that no input has";

void check_target(const HttpRequest& request) {
  for (const auto& segment : request.segments) require(segment.find('\0') == std::string::npos);
  require(request.path.find('?') == std::string::npos);
}

}  // namespace

/// The input's pieces: the target, the body, then values of headers.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Authenticator authenticator({{.token = std::string(token)}}, {});
  static const OriginPolicy origins = OriginPolicy::make({}).value();

  const auto pieces = split_input(as_text(data, size));
  HttpRequest request;
  if (parse_target(pieces[0], request)) check_target(request);
  if (pieces.size() > 1) request.body = pieces[1];
  for (std::size_t i = 2; i < pieces.size() && i - 2 < header_names.size(); ++i)
    request.headers.set(header_names[i - 2], pieces[i].substr(0, 1000));

  authenticator.authenticate(request);
  require(request.credential == Credential::none);
  const bool same_site = origins.check_same_site(request).has_value();
  require(!same_site || origins.check_origin(request).has_value());
  (void)origins.check_host(request);
  require(!authenticator.shows_xsrf_token(request));
  (void)parse_form(request.body);
  HttpResponse response;
  response.headers.set(http::field::etag, make_entity_tag(request.body));
  (void)revalidate(request, std::move(response));
  (void)accept_websocket(request);
  (void)parse_execute_body(request.body);
  if (const auto body = parse_json_body(request); body && *body) (void)environment_field(**body, {});
  return 0;
}
