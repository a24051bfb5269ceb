#include "server/kernel_environment.h"

#include <algorithm>
#include <array>

#include "base/log.h"
#include "base/strings.h"
#include "kernels/multi_kernel_manager.h"
#include "server/json_fields.h"

namespace nextgen_kernels {
namespace {

constexpr std::size_t most_variables = 1000;
constexpr std::size_t longest_name = 255;
// The system takes 128 KiB for one variable with its name, and some megabytes for all.
constexpr std::size_t longest_value = 64 * 1024;
constexpr std::size_t most_bytes = 1024 * 1024;

/// Whether a name is one that shells and programs use for their variables. Names that are not, such as
/// `BASH_FUNC_module%%` and `ProgramFiles(x86)`, are in the environments of clients that send all they have.
bool is_usual_name(std::string_view name) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  return !name.empty() && name.size() <= longest_name && is_letter(name.front()) &&
         std::ranges::all_of(name, [&](char c) { return is_letter(c) || is_digit(c); });
}

bool is_protected_variable(std::string_view name) {
  constexpr std::array<std::string_view, 6> names = {"PATH",          "PYTHONPATH", "PYTHONHOME",
                                                     "PYTHONSTARTUP", "BASH_ENV",   "ENV"};
  return std::ranges::find(names, name) != names.end() || name.starts_with("LD_") ||
         name.starts_with("DYLD_") || !is_usual_name(name);
}

bool is_allowed(const std::string& name, const KernelEnvironmentRules& rules) {
  if ((name.starts_with("KERNEL_") && is_usual_name(name)) || name == "JPY_SESSION_NAME") return true;
  const auto lists = [&rules](std::string_view entry) {
    return std::ranges::find(rules.client_envs, entry) != rules.client_envs.end();
  };
  return lists(name) || (lists("*") && !is_protected_variable(name));
}

/// Variables that mean something to this server.
bool has_meaning(std::string_view name) {
  return name == "KERNEL_ID" || name == "KERNEL_LAUNCH_TIMEOUT";
}

Result<void> check_meaning(const std::string& name, const std::string& value) {
  if (value.empty()) return {};  // As if it were not set.
  if (name == "KERNEL_ID" && !is_kernel_id(value)) {
    return make_error(ErrorCode::invalid_argument,
                      "Field 'env': KERNEL_ID must be five groups of letters and digits joined by '-'");
  }
  if (name == "KERNEL_LAUNCH_TIMEOUT" && !parse_launch_timeout(value)) {
    return make_error(
        ErrorCode::invalid_argument,
        "Field 'env': KERNEL_LAUNCH_TIMEOUT must be a number of seconds, more than 0 and at most a day");
  }
  return {};
}

/// A name as messages show it.
std::string shown(const std::string& name) {
  return printable(name.substr(0, 64));
}

Result<void> check_variable(const std::string& name, const nlohmann::json& value) {
  if (name.empty() || name.find('=') != std::string::npos || name.find('\0') != std::string::npos) {
    return make_error(ErrorCode::invalid_argument,
                      "Field 'env': '{}' cannot be the name of an environment variable: a name is not empty "
                      "and has no '=' and no zero byte in it",
                      shown(name));
  }
  if (!value.is_string()) {
    return make_error(ErrorCode::invalid_argument, "Field 'env' must be an object of strings: '{}' is {}",
                      shown(name), value.type_name());
  }
  const auto& text = value.get_ref<const std::string&>();
  if (text.find('\0') != std::string::npos)
    return make_error(ErrorCode::invalid_argument, "Field 'env': the value of '{}' has a zero byte",
                      shown(name));
  if (text.size() > longest_value) {
    return make_error(ErrorCode::invalid_argument, "Field 'env': the value of '{}' has more than {} bytes",
                      shown(name), longest_value);
  }
  return check_meaning(name, text);
}

}  // namespace

Result<std::map<std::string, std::string>> environment_field(const nlohmann::json& object,
                                                             const KernelEnvironmentRules& rules) {
  std::map<std::string, std::string> environment;
  const auto env = object_field(object, "env");
  if (!env) return std::unexpected(env.error());
  if (!*env) return environment;
  if ((*env)->size() > most_variables)
    return make_error(ErrorCode::invalid_argument, "Field 'env' has more than {} variables", most_variables);
  std::size_t bytes = 0;
  for (const auto& [name, value] : (*env)->items()) {
    if (auto right = check_variable(name, value); !right) return std::unexpected(right.error());
    const auto& text = value.get_ref<const std::string&>();
    bytes += name.size() + text.size();
    if (bytes > most_bytes)
      return make_error(ErrorCode::invalid_argument, "Field 'env' has more than {} bytes", most_bytes);
    if (text.empty() && has_meaning(name)) continue;
    if (is_allowed(name, rules)) {
      environment.emplace(name, text);
    } else {
      log_warning(
          "The environment variable {} that a client set for a kernel is left out: clients may not set it "
          "(MappingKernelManager.client_envs)",
          shown(name));
    }
  }
  return environment;
}

}  // namespace nextgen_kernels
