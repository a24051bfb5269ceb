#include "server/event_body.h"

#include <utility>

#include "server/json_fields.h"

namespace nextgen_kernels {
namespace {

/// Upstream takes the version as a number or as text.
Result<std::string> read_version(const nlohmann::json& body) {
  const auto version = body.find("version");
  if (version != body.end() && version->is_string()) return version->get<std::string>();
  if (version != body.end() && version->is_number_integer())
    return std::to_string(version->get<std::int64_t>());
  return make_error(ErrorCode::invalid_argument, "Field 'version' must be a string");
}

}  // namespace

Result<EventBody> parse_event_body(const HttpRequest& request) {
  const auto body = parse_json_body(request);
  if (!body) return std::unexpected(body.error());
  if (!*body) return make_error(ErrorCode::invalid_argument, "No JSON data provided");
  for (const auto* name : {"schema_id", "version", "data"})
    if (!(*body)->contains(name))
      return make_error(ErrorCode::invalid_argument, "Missing field in JSON data: {}", name);
  const auto schema_id = string_field(**body, "schema_id");
  if (!schema_id) return std::unexpected(schema_id.error());
  auto version = read_version(**body);
  if (!version) return std::unexpected(version.error());
  const auto data = object_field(**body, "data");
  if (!data) return std::unexpected(data.error());
  const auto time = string_field(**body, "timestamp");
  if (!time) return std::unexpected(time.error());
  EventBody event{.schema_id = schema_id->value_or(""),
                  .version = *std::move(version),
                  .data = data->value_or(nlohmann::json::object())};
  if (*time) {
    event.timestamp = parse_timestamp(**time);
    if (!event.timestamp)
      return make_error(ErrorCode::invalid_argument,
                        "Field 'timestamp' must be as 2026-01-31T12:00:00.000000Z");
  }
  return event;
}

}  // namespace nextgen_kernels
