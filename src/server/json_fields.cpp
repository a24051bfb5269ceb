#include "server/json_fields.h"

#include <climits>

namespace nextgen_kernels {
Result<std::optional<std::string>> string_field(const nlohmann::json& object, const std::string& name) {
  const auto member = object.find(name);
  if (member == object.end() || member->is_null()) return std::nullopt;
  if (!member->is_string()) {
    return make_error(ErrorCode::invalid_argument, "Field '{}' must be a string, not {}", name,
                      member->type_name());
  }
  return member->get<std::string>();
}

Result<std::optional<std::string>> path_field(const nlohmann::json& object, const std::string& name) {
  auto text = string_field(object, name);
  if (text && *text && (*text)->contains('\0'))
    return make_error(ErrorCode::invalid_argument, "Field '{}' has a zero byte", name);
  constexpr std::size_t longest = PATH_MAX - 1;
  if (text && *text && (*text)->size() > longest) {
    return make_error(ErrorCode::invalid_argument, "Field '{}' has {} bytes, but a path has at most {}", name,
                      (*text)->size(), longest);
  }
  return text;
}

Result<std::optional<bool>> bool_field(const nlohmann::json& object, const std::string& name) {
  const auto member = object.find(name);
  if (member == object.end() || member->is_null()) return std::nullopt;
  if (!member->is_boolean()) {
    return make_error(ErrorCode::invalid_argument, "Field '{}' must be true or false, not {}", name,
                      member->type_name());
  }
  return member->get<bool>();
}

Result<std::optional<nlohmann::json>> object_field(const nlohmann::json& object, const std::string& name) {
  const auto member = object.find(name);
  if (member == object.end() || member->is_null()) return std::nullopt;
  if (!member->is_object()) {
    return make_error(ErrorCode::invalid_argument, "Field '{}' must be an object, not {}", name,
                      member->type_name());
  }
  return *member;
}

}  // namespace nextgen_kernels
