#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/stable_list.h"
#include "base/timestamp.h"

namespace nextgen_kernels {

/// One field of the events of a schema.
struct EventField {
  enum class Type { string, integer, boolean, number, array };

  std::string name;
  Type type = Type::string;
  std::string description;
  bool required = false;
  std::vector<std::string> allowed = {};  ///< Of a string; empty: any.
};

/// What events of one kind look like, as Jupyter Events has it.
struct EventSchema {
  std::string id;
  std::string version;
  std::string title;
  std::string description;
  std::vector<EventField> fields;

  /// As JSON Schema.
  nlohmann::ordered_json to_json() const;
};

/// Jupyter Server's schema of what is done to kernels.
inline constexpr std::string_view kernel_actions_schema =
    "https://events.jupyter.org/jupyter_server/kernel_actions/v1";
/// Ours: what happens to kernels by itself.
inline constexpr std::string_view kernel_died_schema =
    "https://schema.jupyter.org/nextgen_kernels/kernel_died/v1";
inline constexpr std::string_view kernel_restarted_schema =
    "https://schema.jupyter.org/nextgen_kernels/kernel_restarted/v1";
inline constexpr std::string_view kernel_culled_schema =
    "https://schema.jupyter.org/nextgen_kernels/kernel_culled/v1";
inline constexpr std::string_view kernel_adopted_schema =
    "https://schema.jupyter.org/nextgen_kernels/kernel_adopted/v1";
inline constexpr std::string_view kernel_orphan_ended_schema =
    "https://schema.jupyter.org/nextgen_kernels/kernel_orphan_ended/v1";
inline constexpr std::string_view kernel_responsiveness_schema =
    "https://schema.jupyter.org/nextgen_kernels/kernel_responsiveness/v1";
inline constexpr std::string_view messages_lost_schema =
    "https://schema.jupyter.org/nextgen_kernels/messages_lost/v1";
inline constexpr std::string_view resource_usage_schema =
    "https://schema.jupyter.org/nextgen_kernels/resource_usage/v1";

/// Someone who is told of events.
class EventListener {
 public:
  /// Called on the server's executor; must not block.
  /// `owner` is whose kernel it is about, or nothing when it is for everybody.
  virtual void on_event(const std::shared_ptr<const std::string>& json,
                        const std::optional<std::string>& owner) = 0;

 protected:
  ~EventListener() = default;
};

/// Passes events to those who listen, checked against their schemas. Owned by the server; on its executor.
/// Listeners are outlived by the bus.
class EventBus {
 public:
  const std::vector<EventSchema>& schemas() const;

  /// `invalid_argument` when there is no such schema, or the data is not what it says.
  Result<void> emit(std::string_view schema_id, std::string_view version, const nlohmann::json& data,
                    std::optional<Timestamp> time = std::nullopt,
                    const std::optional<std::string>& owner = std::nullopt);

  /// An event of our own: of version 1 and right.
  void emit(std::string_view schema_id, const nlohmann::json& data,
            const std::optional<std::string>& owner = std::nullopt);

  /// Tells `listener` of events for as long as the result lives.
  using Subscription = StableList<EventListener>::Membership;
  [[nodiscard]] Subscription subscribe(EventListener& listener) { return {listeners_, listener}; }
  bool has_listeners() const { return !listeners_.empty(); }

  /// How an event is written to listeners.
  static std::string to_text(std::string_view schema_id, std::string_view version, const nlohmann::json& data,
                             Timestamp time);

 private:
  StableList<EventListener> listeners_;
};

}  // namespace nextgen_kernels
