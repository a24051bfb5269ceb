#include "discovery/plugin_options.h"

#include <algorithm>
#include <string>
#include <vector>

#include <fmt/ranges.h>

#include "base/strings.h"

namespace nextgen_kernels {
namespace {

constexpr std::string_view place = "metadata.kernel_provisioner.config";

std::unexpected<Error> unknown_option(const PluginClass& provisioner, const std::string& name) {
  std::vector<std::string> names;
  for (const auto& option : provisioner.options) names.push_back(option.name);
  if (names.empty())
    return make_error(ErrorCode::invalid_argument, "{}.{}: provisioner {} has no options", place, name,
                      provisioner.reference);
  const auto meant = closest_match(name, names);
  return make_error(ErrorCode::invalid_argument,
                    "{}.{}: provisioner {} has no option of this name.{} Its options: {}", place, name,
                    provisioner.reference, meant ? fmt::format(" Did you mean {}?", *meant) : "",
                    fmt::join(names, ", "));
}

}  // namespace

Result<nlohmann::json> complete_options(const PluginClass& provisioner, const nlohmann::json& config) {
  auto complete = nlohmann::json::object();
  for (const auto& option : provisioner.options)
    if (option.default_value) complete[option.name] = *option.default_value;
  for (const auto& [name, value] : config.items()) {
    const auto option = std::ranges::find(provisioner.options, name, &PluginOption::name);
    if (option == provisioner.options.end()) return unknown_option(provisioner, name);
    if (!accepts(option->type, value))
      return make_error(ErrorCode::invalid_argument, "{}.{}: provisioner {} wants {} {}, it is {}", place,
                        name, provisioner.reference,
                        option->type == PluginOptionType::integer ||
                                option->type == PluginOptionType::array ||
                                option->type == PluginOptionType::object
                            ? "an"
                            : "a",
                        to_string(option->type), value.type_name());
    complete[name] = value;
  }
  return complete;
}

}  // namespace nextgen_kernels
