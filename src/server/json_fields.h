#pragma once

#include <map>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace nextgen_kernels {

/// A member of a request's body that is a string; nothing when it is missing or null. Other types are
/// `invalid_argument` with the name of the field.
Result<std::optional<std::string>> string_field(const nlohmann::json& object, const std::string& name);

/// A member that is true or false; nothing when it is missing or null.
Result<std::optional<bool>> bool_field(const nlohmann::json& object, const std::string& name);

/// A member that is an object; nothing when it is missing or null.
Result<std::optional<nlohmann::json>> object_field(const nlohmann::json& object, const std::string& name);

/// The member `env`: an object of strings, what a client wants in its kernel's environment. Variables that
/// decide what code the kernel's program is made of (`PATH`, `PYTHONPATH`, `LD_*`) are left out, with a
/// warning in the log.
Result<std::map<std::string, std::string>> environment_field(const nlohmann::json& object);

}  // namespace nextgen_kernels
