#pragma once

#include <expected>
#include <string>

#include "server/http_message.h"
#include "server/seats.h"

namespace nextgen_kernels {

/// Checks a request to become a WebSocket (RFC 6455 §4.2.1). The 101 response that accepts it, still without
/// the `upgrade`, or the response that says what is wrong with it.
std::expected<HttpResponse, HttpResponse> accept_websocket(const HttpRequest& request);

/// A place for one more WebSocket; fails with `unavailable`.
Result<Seat> take_websocket_seat(Seats& seats);

}  // namespace nextgen_kernels
