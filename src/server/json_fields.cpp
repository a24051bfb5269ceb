#include "server/json_fields.h"

#include <algorithm>
#include <string_view>

#include "base/log.h"

namespace nextgen_kernels {
namespace {

bool is_protected_variable(std::string_view name) {
  return name == "PATH" || name == "PYTHONPATH" || name.starts_with("LD_");
}

bool is_variable_name(std::string_view name) {
  return !name.empty() && std::ranges::none_of(name, [](char c) { return c == '=' || (c >= 0 && c < ' '); });
}

}  // namespace

Result<std::optional<std::string>> string_field(const nlohmann::json& object, const std::string& name) {
  const auto member = object.find(name);
  if (member == object.end() || member->is_null()) return std::nullopt;
  if (!member->is_string()) {
    return make_error(ErrorCode::invalid_argument, "Field '{}' must be a string, not {}", name,
                      member->type_name());
  }
  return member->get<std::string>();
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

Result<std::map<std::string, std::string>> environment_field(const nlohmann::json& object) {
  std::map<std::string, std::string> environment;
  const auto env = object_field(object, "env");
  if (!env) return std::unexpected(env.error());
  if (!*env) return environment;
  for (const auto& [name, value] : (*env)->items()) {
    if (!is_variable_name(name))
      return make_error(ErrorCode::invalid_argument,
                        "Field 'env' has a name that no environment variable can have");
    if (!value.is_string()) {
      return make_error(ErrorCode::invalid_argument, "Field 'env' must be an object of strings: '{}' is {}",
                        name, value.type_name());
    }
    const auto& text = value.get_ref<const std::string&>();
    if (text.find('\0') != std::string::npos)
      return make_error(ErrorCode::invalid_argument, "Field 'env': the value of '{}' has a zero byte", name);
    if (is_protected_variable(name)) {
      log_warning(
          "The environment variable {} that a client set for a kernel is left out: clients may not set it",
          name);
      continue;
    }
    environment.emplace(name, text);
  }
  return environment;
}

}  // namespace nextgen_kernels
