#pragma once

#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/timestamp.h"
#include "server/http_message.h"

namespace nextgen_kernels {

/// An event as a client posts it; whether there is such a schema, `EventBus::emit` knows.
struct EventBody {
  std::string schema_id;
  std::string version;
  nlohmann::json data;  ///< An object.
  std::optional<Timestamp> timestamp = std::nullopt;
};

/// The body of `POST /api/events`. `invalid_argument` names the field that is missing or wrong.
Result<EventBody> parse_event_body(const HttpRequest& request);

}  // namespace nextgen_kernels
