#include "server/client_address.h"

#include <algorithm>

#include "base/strings.h"

namespace nextgen_kernels {
namespace {

namespace ip = boost::asio::ip;

/// The last value of a header that may be there several times, with several values each time.
std::string_view last_value(const HttpRequest& request, std::string_view name) {
  const auto [begin, end] = request.headers.equal_range(name);
  std::string_view value;
  for (auto field = begin; field != end; ++field) value = field->value();
  return trim(value.substr(value.rfind(',') + 1));  // All of it where there is none.
}

}  // namespace

std::string client_name(ip::address address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    address = ip::make_address_v4(ip::v4_mapped, address.to_v6());
  if (address.is_v4()) return address.to_string();
  auto bytes = address.to_v6().to_bytes();
  std::fill(bytes.begin() + 8, bytes.end(), 0);
  return ip::address_v6(bytes).to_string() + "/64";
}

ForwardedClient read_forwarded_headers(const HttpRequest& request) {
  ForwardedClient forwarded;
  boost::system::error_code error;
  const auto* address_header = request.has_header("X-Real-Ip") ? "X-Real-Ip" : "X-Forwarded-For";
  const auto address = ip::make_address(last_value(request, address_header), error);
  if (!error) forwarded.client = client_name(address);
  const auto* scheme_header = request.has_header("X-Scheme") ? "X-Scheme" : "X-Forwarded-Proto";
  const auto scheme = to_lower(last_value(request, scheme_header));
  if (scheme == "http" || scheme == "https") forwarded.is_https = scheme == "https";
  return forwarded;
}

}  // namespace nextgen_kernels
