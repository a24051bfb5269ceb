#include "server/session_body.h"

#include <utility>

#include "server/json_fields.h"

namespace nextgen_kernels {
namespace {

/// The body of a request that must have one, with a `notebook` member translated.
Result<nlohmann::json> read_body(const HttpRequest& request) {
  auto body = parse_json_body(request);
  if (!body) return std::unexpected(body.error());
  if (!*body) return make_error(ErrorCode::invalid_argument, "No JSON data provided");
  const auto notebook = object_field(**body, "notebook");
  if (!notebook) return std::unexpected(notebook.error());
  if (*notebook) {
    (**body)["type"] = "notebook";
    const auto* const key = (*notebook)->contains("path") ? "path" : "name";
    if (const auto member = (*notebook)->find(key); member != (*notebook)->end()) (**body)["path"] = *member;
  }
  return std::move(**body);
}

/// What the bodies of POST and PATCH have in common.
Result<SessionChanges> read_fields(const nlohmann::json& body) {
  SessionChanges fields;
  auto path = path_field(body, "path");
  if (!path) return std::unexpected(path.error());
  auto name = path_field(body, "name");
  if (!name) return std::unexpected(name.error());
  auto type = string_field(body, "type");
  if (!type) return std::unexpected(type.error());
  fields.path = std::move(*path);
  fields.name = std::move(*name);
  fields.type = std::move(*type);

  const auto kernel = object_field(body, "kernel");
  if (!kernel) return std::unexpected(kernel.error());
  if (!*kernel) return fields;
  auto kernel_id = string_field(**kernel, "id");
  if (!kernel_id) return std::unexpected(kernel_id.error());
  auto kernel_name = string_field(**kernel, "name");
  if (!kernel_name) return std::unexpected(kernel_name.error());
  // Clients send "" for what they do not know.
  if (*kernel_id && !(*kernel_id)->empty()) fields.kernel_id = std::move(*kernel_id);
  if (*kernel_name && !(*kernel_name)->empty()) fields.kernel_name = std::move(*kernel_name);
  return fields;
}

}  // namespace

Result<SessionChanges> parse_session_body(const HttpRequest& request) {
  const auto body = read_body(request);
  if (!body) return std::unexpected(body.error());
  return read_fields(*body);
}

}  // namespace nextgen_kernels
