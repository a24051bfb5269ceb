#include "clients/zmq/zmq_endpoints.h"

#include <array>
#include <vector>

#include <fmt/ranges.h>

namespace nextgen_kernels {
namespace {

constexpr std::array<const char*, 9> required_fields = {"transport",  "ip",         "shell_port",
                                                        "iopub_port", "stdin_port", "control_port",
                                                        "hb_port",    "key",        "signature_scheme"};

}  // namespace

Result<ZmqEndpoints> ZmqEndpoints::from(const ConnectionInfo& info) {
  if (!info.is_object()) return make_error(ErrorCode::invalid_argument, "Connection info is not an object");
  std::vector<std::string> missing;
  for (const auto* field : required_fields) {
    if (!info.contains(field)) missing.emplace_back(field);
  }
  if (!missing.empty()) {
    std::vector<std::string> present;
    for (const auto& [field, value] : info.items()) present.push_back(field);
    return make_error(
        ErrorCode::invalid_argument,
        "Connection info lacks {} (it has: {}). A kernel reached over ZMQ needs them all; another kind "
        "of connection needs another kernel client class for its provisioner.",
        fmt::join(missing, ", "), fmt::join(present, ", "));
  }
  for (const auto* field : {"transport", "ip", "key", "signature_scheme"}) {
    if (!info.at(field).is_string())
      return make_error(ErrorCode::invalid_argument, "Connection info: {} must be a string", field);
  }
  const auto transport = info.at("transport").get<std::string>();
  if (transport != "tcp" && transport != "ipc") {
    return make_error(ErrorCode::invalid_argument, "Connection info: transport '{}' is neither tcp nor ipc",
                      transport);
  }

  ZmqEndpoints endpoints;
  const std::array<std::pair<const char*, std::string*>, 5> ports = {{{"shell_port", &endpoints.shell},
                                                                      {"iopub_port", &endpoints.iopub},
                                                                      {"stdin_port", &endpoints.stdin_},
                                                                      {"control_port", &endpoints.control},
                                                                      {"hb_port", &endpoints.heartbeat}}};
  for (const auto& [name, endpoint] : ports) {
    const auto port = connection_port(info, name);
    if (!port) return std::unexpected(port.error());
    *endpoint = fmt::format("{}://{}{}{}", transport, info.at("ip").get<std::string>(),
                            transport == "tcp" ? ':' : '-', *port);
  }
  endpoints.key = info.at("key").get<std::string>();
  endpoints.signature_scheme = info.at("signature_scheme").get<std::string>();
  return endpoints;
}

}  // namespace nextgen_kernels
