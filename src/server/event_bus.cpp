#include "server/event_bus.h"

#include <algorithm>

#include <fmt/ranges.h>

#include "base/log.h"
#include "base/strings.h"

namespace nextgen_kernels {
namespace {

using Type = EventField::Type;

const EventField kernel_id = {.name = "kernel_id", .description = "The kernel.", .required = true};
const EventField kernel_name = {.name = "kernel_name", .description = "Its kernel spec."};
const EventField reason = {.name = "reason", .description = "Why, for a person."};

EventSchema of_kernel(std::string_view id, std::string title, std::string description,
                      std::vector<EventField> more) {
  std::vector<EventField> fields = {kernel_id, kernel_name};
  fields.insert(fields.end(), more.begin(), more.end());
  return {.id = std::string(id),
          .version = "1",
          .title = std::move(title),
          .description = std::move(description),
          .fields = std::move(fields)};
}

EventField number_of(std::string name, std::string description) {
  return {.name = std::move(name), .type = Type::number, .description = std::move(description)};
}

std::vector<EventSchema> make_schemas() {
  return {
      {.id = std::string(kernel_actions_schema),
       .version = "1",
       .title = "Kernel actions",
       .description = "Something was done to a kernel because somebody asked for it.",
       .fields = {{.name = "action",
                   .description = "What was done.",
                   .required = true,
                   .allowed = {"start", "interrupt", "shutdown", "restart"}},
                  {.name = "kernel_id", .description = "The kernel; missing when a start failed."},
                  kernel_name,
                  {.name = "status",
                   .description = "Whether it could be done.",
                   .required = true,
                   .allowed = {"success", "error"}},
                  number_of("status_code", "The HTTP status of a failure."),
                  {.name = "msg", .description = "What happened, for a person.", .required = true}}},
      of_kernel(kernel_died_schema, "Kernel died",
                "A kernel's process ended by itself, or never answered, and is not started again.", {reason}),
      of_kernel(kernel_restarted_schema, "Kernel restarted",
                "A kernel's process ended by itself, and another is being started.", {reason}),
      of_kernel(kernel_culled_schema, "Kernel culled", "A kernel was shut down because nobody used it.",
                {reason}),
      of_kernel(kernel_adopted_schema, "Kernel adopted",
                "A kernel of a server that is gone was found running, and is this server's now.", {reason}),
      of_kernel(kernel_orphan_ended_schema, "Orphan ended",
                "A kernel of a server that is gone could not be adopted, and is ended.", {reason}),
      of_kernel(
          kernel_responsiveness_schema, "Kernel responsiveness",
          "A kernel stopped answering its heartbeat, or answers again.",
          {{.name = "responsive", .type = Type::boolean, .description = "Now.", .required = true}, reason}),
      of_kernel(
          messages_lost_schema, "Messages lost",
          "A listener was so slow that messages it had not read are gone.",
          {{.name = "first", .type = Type::integer, .description = "Number of the first.", .required = true},
           {.name = "last", .type = Type::integer, .description = "Number of the last.", .required = true}}),
      of_kernel(resource_usage_schema, "Resource usage", "What a kernel's processes use.",
                {number_of("cpu_percent",
                           "Of one processor, since the event before; missing in the first of a kernel."),
                 number_of("cpu_seconds", "Of all its processes that live."),
                 number_of("memory_bytes", "Resident memory; pages they share are counted for each."),
                 number_of("processes", "How many there are."), number_of("threads", "Of all of them.")}),
  };
}

std::string_view name_of(Type type) {
  switch (type) {
    case Type::string:
      return "string";
    case Type::integer:
      return "integer";
    case Type::boolean:
      return "boolean";
    case Type::number:
      return "number";
    case Type::array:
      return "array";
  }
  return "string";
}

bool has_type(const nlohmann::json& value, Type type) {
  switch (type) {
    case Type::string:
      return value.is_string();
    case Type::integer:
      return value.is_number_integer();
    case Type::boolean:
      return value.is_boolean();
    case Type::number:
      return value.is_number();
    case Type::array:
      return value.is_array();
  }
  return false;
}

/// Fields beside those of the schema are let through, as JSON Schema does.
Result<void> check(const EventSchema& schema, const nlohmann::json& data) {
  for (const auto& field : schema.fields) {
    const auto value = data.find(field.name);
    if (value == data.end()) {
      if (!field.required) continue;
      return make_error(ErrorCode::invalid_argument, "An event of {} needs the field '{}'", schema.id,
                        field.name);
    }
    if (!has_type(*value, field.type)) {
      return make_error(ErrorCode::invalid_argument, "Field '{}' of an event must be {}, not {}", field.name,
                        with_article(name_of(field.type)), value->type_name());
    }
    if (!field.allowed.empty() &&
        std::ranges::find(field.allowed, value->get_ref<const std::string&>()) == field.allowed.end())
      return make_error(ErrorCode::invalid_argument, "Field '{}' of an event must be one of: {}", field.name,
                        fmt::join(field.allowed, ", "));
  }
  return {};
}

}  // namespace

nlohmann::ordered_json EventSchema::to_json() const {
  auto properties = nlohmann::ordered_json::object();
  auto required = nlohmann::ordered_json::array();
  for (const auto& field : fields) {
    properties[field.name] = {{"type", name_of(field.type)}, {"description", field.description}};
    if (!field.allowed.empty()) properties[field.name]["enum"] = field.allowed;
    if (field.required) required.push_back(field.name);
  }
  return {{"$id", id},
          {"version", version},
          {"title", title},
          {"description", description},
          {"type", "object"},
          {"properties", std::move(properties)},
          {"required", std::move(required)}};
}

const std::vector<EventSchema>& EventBus::schemas() const {
  static const std::vector<EventSchema> schemas = make_schemas();
  return schemas;
}

std::string EventBus::to_text(std::string_view schema_id, std::string_view version,
                              const nlohmann::json& data, Timestamp time) {
  nlohmann::ordered_json event = {{"schema_id", schema_id},
                                  {"__timestamp__", format_timestamp(time)},
                                  {"__schema_version__", version},
                                  {"__metadata_version__", 1}};
  for (const auto& [name, value] : data.items())
    if (!event.contains(name)) event[name] = value;
  return event.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

Result<void> EventBus::emit(std::string_view schema_id, std::string_view version, const nlohmann::json& data,
                            std::optional<Timestamp> time, const std::optional<std::string>& owner) {
  const auto schema = std::ranges::find(schemas(), schema_id, &EventSchema::id);
  if (schema == schemas().end())
    return make_error(ErrorCode::invalid_argument, "There is no event schema '{}'", schema_id);
  if (schema->version != version) {
    return make_error(ErrorCode::invalid_argument, "Event schema {} has version {}, not {}", schema->id,
                      schema->version, version);
  }
  if (auto right = check(*schema, data); !right) return right;
  if (listeners_.empty()) return {};
  const auto text = std::make_shared<const std::string>(
      to_text(schema_id, version, data, time.value_or(Timestamp::clock::now())));
  listeners_.for_each([&](EventListener& listener) { listener.on_event(text, owner); });
  return {};
}

void EventBus::emit(std::string_view schema_id, const nlohmann::json& data,
                    const std::optional<std::string>& owner) {
  if (const auto emitted = emit(schema_id, "1", data, std::nullopt, owner); !emitted)
    log_error("An event was lost: {}", emitted.error().message);
}

}  // namespace nextgen_kernels
