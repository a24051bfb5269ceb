#include "server/websocket_handshake.h"

#include <algorithm>

#include "base/strings.h"
#include "wire/websocket_frame.h"

namespace nextgen_kernels {
namespace {

/// 16 bytes in base64.
bool is_websocket_key(std::string_view key) {
  return key.size() == 24 && key.ends_with("==") && std::ranges::all_of(key.substr(0, 22), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
                  c == '/';
         });
}

}  // namespace

std::expected<HttpResponse, HttpResponse> accept_websocket(const HttpRequest& request) {
  const auto refuse = [](std::string_view message) {
    return std::unexpected(error_response(http::status::bad_request, message));
  };
  if (request.version < 11) return refuse("A WebSocket needs HTTP/1.1");
  if (!request.header_lists("Upgrade", "websocket"))
    return refuse("This is a WebSocket endpoint: the request needs 'Upgrade: websocket'");
  if (!request.header_lists("Connection", "Upgrade"))
    return refuse("The request for a WebSocket needs 'Connection: Upgrade'");
  if (trim(request.header("Sec-WebSocket-Version")) != "13") {
    auto response =
        error_response(http::status::upgrade_required, "Only WebSocket version 13 is spoken here");
    response.headers.set(http::field::sec_websocket_version, "13");
    response.headers.set(http::field::upgrade, "websocket");
    return std::unexpected(std::move(response));
  }
  const auto key = trim(request.header("Sec-WebSocket-Key"));
  if (!is_websocket_key(key)) return refuse("Sec-WebSocket-Key is missing or not 16 bytes in base64");

  auto response = empty_response(http::status::switching_protocols);
  response.headers.set(http::field::upgrade, "websocket");
  response.headers.set(http::field::connection, "Upgrade");
  response.headers.set(http::field::sec_websocket_accept, websocket_accept_key(key));
  return response;
}

Result<Seat> take_websocket_seat(Seats& seats) {
  auto seat = seats.take();
  if (seat) return *std::move(seat);
  return make_error(ErrorCode::unavailable,
                    "All {} WebSockets of this server are in use (ServerApp.max_websockets)", seats.limit());
}

}  // namespace nextgen_kernels
