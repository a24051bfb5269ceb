#pragma once

#include <optional>
#include <string>

#include <boost/asio/ip/address.hpp>

#include "server/http_message.h"

namespace nextgen_kernels {

/// What a client that comes from this address is called (`HttpRequest::client`). Of an IPv6 address it is the
/// network: one client has many addresses in it.
std::string client_name(boost::asio::ip::address address);

/// What a proxy says of the client that it passes a request on for. Nothing where it says nothing, or nothing
/// that makes sense.
struct ForwardedClient {
  std::optional<std::string> client = {};  ///< `HttpRequest::client`.
  std::optional<bool> is_https = {};       ///< `HttpRequest::is_https`.
};

/// Reads `X-Real-Ip` or else `X-Forwarded-For`, and `X-Scheme` or else `X-Forwarded-Proto`, as Tornado does
/// with `xheaders`: of several values the last one, which the proxy next to this server has added. Clients
/// can send these headers, too: they mean something only when every request comes through a proxy that sets
/// them.
ForwardedClient read_forwarded_headers(const HttpRequest& request);

}  // namespace nextgen_kernels
