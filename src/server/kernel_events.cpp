#include "server/kernel_events.h"

#include <string_view>

#include "server/http_message.h"
#include "server/kernel_handlers.h"

namespace nextgen_kernels {
namespace {

/// Jupyter Server's name of an action, and what it says of it.
struct Action {
  std::string_view name;
  std::string_view done;
};

/// What the request is answered with; those of sessions have another for kernel specs that are unknown.
http::status status_of_failure(const KernelEvent& event) {
  if (event.action == KernelAction::start) return status_of(*event.error);
  if (event.action == KernelAction::interrupt) return status_of_failed_interrupt(*event.error);
  return http::status::internal_server_error;
}

void emit_action(EventBus& bus, const KernelEvent& event, const std::string& owner, Action action) {
  const bool succeeded = event.outcome == KernelEvent::Outcome::success;
  nlohmann::json data = {{"action", action.name},
                         {"kernel_name", event.kernel_name},
                         {"status", succeeded ? "success" : "error"}};
  if (!event.kernel_id.empty()) data["kernel_id"] = event.kernel_id;
  if (event.error) data["status_code"] = static_cast<unsigned>(status_of_failure(event));
  data["msg"] = succeeded ? fmt::format("Kernel {} was {}.", event.kernel_id, action.done) : event.reason;
  bus.emit(kernel_actions_schema, data, owner);
}

void emit_happening(EventBus& bus, const KernelEvent& event, const std::string& owner,
                    std::string_view schema_id, nlohmann::json data = nlohmann::json::object()) {
  data["kernel_id"] = event.kernel_id;
  data["kernel_name"] = event.kernel_name;
  if (!event.reason.empty()) data["reason"] = event.reason;
  bus.emit(schema_id, data, owner);
}

}  // namespace

void emit_kernel_event(EventBus& bus, const KernelEvent& event, const std::string& owner) {
  switch (event.action) {
    case KernelAction::start:
      return emit_action(bus, event, owner, {"start", "started"});
    case KernelAction::interrupt:
      return emit_action(bus, event, owner, {"interrupt", "interrupted"});
    case KernelAction::restart:
      return emit_action(bus, event, owner, {"restart", "restarted"});
    case KernelAction::shutdown:
      return emit_action(bus, event, owner, {"shutdown", "shutdown"});
    case KernelAction::autorestart:
      return emit_happening(bus, event, owner, kernel_restarted_schema);
    case KernelAction::died:
      return emit_happening(bus, event, owner, kernel_died_schema);
    case KernelAction::cull:
      return emit_happening(bus, event, owner, kernel_culled_schema);
    case KernelAction::unresponsive:
      return emit_happening(bus, event, owner, kernel_responsiveness_schema, {{"responsive", false}});
    case KernelAction::responsive:
      return emit_happening(bus, event, owner, kernel_responsiveness_schema, {{"responsive", true}});
    case KernelAction::adopted:
      return emit_happening(bus, event, owner, kernel_adopted_schema);
    case KernelAction::orphan_ended:
      return emit_happening(bus, event, owner, kernel_orphan_ended_schema);
  }
}

void emit_messages_lost(EventBus& bus, const std::string& kernel_id, const std::string& kernel_name,
                        LostMessages lost, const std::string& owner) {
  bus.emit(
      messages_lost_schema,
      {{"kernel_id", kernel_id}, {"kernel_name", kernel_name}, {"first", lost.first}, {"last", lost.last}},
      owner);
}

}  // namespace nextgen_kernels
