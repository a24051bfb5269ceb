#include "server/kernel_events.h"

#include <string_view>

namespace nextgen_kernels {
namespace {

/// Jupyter Server's name of an action, and what it says of it.
struct Action {
  std::string_view name;
  std::string_view done;
};

void emit_action(EventBus& bus, const KernelEvent& event, Action action) {
  const bool succeeded = event.outcome == KernelEvent::Outcome::success;
  nlohmann::json data = {{"action", action.name},
                         {"kernel_id", event.kernel_id},
                         {"kernel_name", event.kernel_name},
                         {"status", succeeded ? "success" : "error"}};
  data["msg"] = succeeded ? fmt::format("Kernel {} was {}.", event.kernel_id, action.done) : event.reason;
  bus.emit(kernel_actions_schema, data);
}

void emit_happening(EventBus& bus, const KernelEvent& event, std::string_view schema_id,
                    nlohmann::json data = nlohmann::json::object()) {
  data["kernel_id"] = event.kernel_id;
  data["kernel_name"] = event.kernel_name;
  if (!event.reason.empty()) data["reason"] = event.reason;
  bus.emit(schema_id, data);
}

}  // namespace

void emit_kernel_event(EventBus& bus, const KernelEvent& event) {
  switch (event.action) {
    case KernelAction::start:
      return emit_action(bus, event, {"start", "started"});
    case KernelAction::interrupt:
      return emit_action(bus, event, {"interrupt", "interrupted"});
    case KernelAction::restart:
      return emit_action(bus, event, {"restart", "restarted"});
    case KernelAction::shutdown:
      return emit_action(bus, event, {"shutdown", "shutdown"});
    case KernelAction::autorestart:
      return emit_happening(bus, event, kernel_restarted_schema);
    case KernelAction::died:
      return emit_happening(bus, event, kernel_died_schema);
    case KernelAction::cull:
      return emit_happening(bus, event, kernel_culled_schema);
    case KernelAction::unresponsive:
      return emit_happening(bus, event, kernel_responsiveness_schema, {{"responsive", false}});
    case KernelAction::responsive:
      return emit_happening(bus, event, kernel_responsiveness_schema, {{"responsive", true}});
  }
}

}  // namespace nextgen_kernels
