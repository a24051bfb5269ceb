#pragma once

#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace nextgen_kernels {

/// A member of a request's body that is a string; nothing when it is missing or null. Other types are
/// `invalid_argument` with the name of the field.
Result<std::optional<std::string>> string_field(const nlohmann::json& object, const std::string& name);

/// The same for what becomes a path, or the name of a file: it has no zero byte, and no more bytes than a
/// path can have.
Result<std::optional<std::string>> path_field(const nlohmann::json& object, const std::string& name);

/// A member that is true or false; nothing when it is missing or null.
Result<std::optional<bool>> bool_field(const nlohmann::json& object, const std::string& name);

/// A member that is an object; nothing when it is missing or null.
Result<std::optional<nlohmann::json>> object_field(const nlohmann::json& object, const std::string& name);

}  // namespace nextgen_kernels
