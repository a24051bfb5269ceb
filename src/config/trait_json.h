#pragma once

#include <string_view>

#include <nlohmann/json.hpp>

#include "config/trait.h"

namespace nextgen_kernels {

/// Reads a value as a configuration file gives it. `subject` names what the value was given for, for the
/// error message.
Result<TraitValue> parse_trait_json(const TraitDefinition& definition, const nlohmann::json& json,
                                    std::string_view subject);

/// The value as a configuration file gives it; `null` for no value.
nlohmann::ordered_json to_json(const TraitValue& value);

}  // namespace nextgen_kernels
