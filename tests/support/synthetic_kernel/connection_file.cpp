#include "synthetic_kernel/connection_file.h"

#include <cerrno>
#include <fstream>
#include <iterator>
#include <utility>

#include <nlohmann/json.hpp>

namespace nextgen_kernels::synthetic {
namespace {

Result<std::string> text_field(const nlohmann::json& object, const char* name) {
  const auto field = object.find(name);
  if (field == object.end() || !field->is_string())
    return make_error(ErrorCode::invalid_argument, "the connection file needs the text field \"{}\"", name);
  return field->get<std::string>();
}

Result<int> port_field(const nlohmann::json& object, const char* name) {
  const auto field = object.find(name);
  if (field == object.end() || !field->is_number_integer())
    return make_error(ErrorCode::invalid_argument, "the connection file needs the whole number \"{}\"", name);
  return field->get<int>();
}

}  // namespace

std::string ConnectionFile::endpoint(int port) const {
  return fmt::format("{}://{}{}{}", transport, ip, transport == "ipc" ? '-' : ':', port);
}

Result<ConnectionFile> parse_connection_file(std::string_view json) {
  const auto object = nlohmann::json::parse(json, nullptr, false);
  if (!object.is_object())
    return make_error(ErrorCode::invalid_argument, "the connection file is not a JSON object");
  ConnectionFile file;
  std::string scheme;
  for (const auto& [name, target] : {std::pair{"transport", &file.transport}, std::pair{"ip", &file.ip},
                                     std::pair{"key", &file.key}, std::pair{"signature_scheme", &scheme}}) {
    auto value = text_field(object, name);
    if (!value) return std::unexpected(std::move(value.error()));
    *target = std::move(*value);
  }
  for (const auto& [name, target] :
       {std::pair{"shell_port", &file.shell_port}, std::pair{"control_port", &file.control_port},
        std::pair{"stdin_port", &file.stdin_port}, std::pair{"iopub_port", &file.iopub_port},
        std::pair{"hb_port", &file.hb_port}}) {
    const auto value = port_field(object, name);
    if (!value) return std::unexpected(value.error());
    *target = *value;
  }
  if (file.transport != "tcp" && file.transport != "ipc")
    return make_error(ErrorCode::invalid_argument, "unknown transport \"{}\": use tcp or ipc",
                      file.transport);
  if (scheme != "hmac-sha256")
    return make_error(ErrorCode::invalid_argument, "unknown signature_scheme \"{}\": use hmac-sha256",
                      scheme);
  return file;
}

Result<ConnectionFile> read_connection_file(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return make_errno_error("open", path, errno);
  return parse_connection_file(std::string(std::istreambuf_iterator<char>(stream), {}));
}

}  // namespace nextgen_kernels::synthetic
