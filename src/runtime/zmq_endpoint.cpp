#include "runtime/zmq_endpoint.h"

#include <charconv>
#include <cstdint>
#include <system_error>

#include <sys/un.h>

namespace nextgen_kernels {
namespace {

constexpr std::string_view tcp_prefix = "tcp://";
constexpr std::string_view ipc_prefix = "ipc://";

bool is_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port != 0;
}

}  // namespace

Result<ZmqEndpoint> ZmqEndpoint::parse(std::string_view text) {
  ZmqEndpoint endpoint;
  if (text.starts_with(ipc_prefix)) {
    endpoint.transport = Transport::ipc;
    endpoint.path = text.substr(ipc_prefix.size());
    if (endpoint.path.size() >= sizeof(sockaddr_un::sun_path))
      return make_error(ErrorCode::invalid_argument,
                        "Cannot connect to {}: paths of Unix-domain sockets have fewer than {} bytes", text,
                        sizeof(sockaddr_un::sun_path));
    if (!endpoint.path.empty()) return endpoint;
  }
  if (text.starts_with(tcp_prefix)) {
    auto address = text.substr(tcp_prefix.size());
    const auto colon = address.rfind(':');
    if (colon != std::string_view::npos && is_port(address.substr(colon + 1))) {
      endpoint.port = address.substr(colon + 1);
      address = address.substr(0, colon);
      if (address.starts_with('[') && address.ends_with(']')) address = address.substr(1, address.size() - 2);
      endpoint.host = address;
      if (!address.empty()) return endpoint;
    }
  }
  return make_error(ErrorCode::invalid_argument,
                    "Cannot connect to {}: an address is tcp://HOST:PORT or ipc://PATH", text);
}

}  // namespace nextgen_kernels
