#include "discovery/provisioner_config.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/strings.h"

namespace nextgen_kernels {
namespace {

constexpr std::string_view place = "metadata.kernel_provisioner.config";

std::unexpected<Error> unknown_option(std::string_view provisioner, std::span<const PluginOption> options,
                                      const std::string& name) {
  std::vector<std::string> names;
  for (const auto& option : options) names.push_back(option.name);
  if (names.empty())
    return make_error(ErrorCode::invalid_argument, "{} has no option {:?}: it takes none in {}", provisioner,
                      printable(name), place);
  const auto meant = closest_match(name, names);
  return make_error(ErrorCode::invalid_argument, "{} has no option {:?} in {}. {}", provisioner,
                    printable(name), place,
                    meant ? fmt::format("Did you mean {:?}?", *meant)
                          : fmt::format("There are: {}", fmt::join(names, ", ")));
}

std::string_view in_words(PluginOptionType type) {
  switch (type) {
    case PluginOptionType::string:
      return "a string";
    case PluginOptionType::integer:
      return "a whole number";
    case PluginOptionType::number:
      return "a number";
    case PluginOptionType::boolean:
      return "true or false";
    case PluginOptionType::array:
      return "a list";
    case PluginOptionType::object:
      return "an object";
  }
  return "another value";
}

}  // namespace

Result<void> check_provisioner_config(std::string_view provisioner, std::span<const PluginOption> options,
                                      const nlohmann::json& config) {
  for (const auto& [name, value] : config.items()) {
    const auto option = std::ranges::find(options, name, &PluginOption::name);
    if (option == options.end()) return unknown_option(provisioner, options, name);
    // The value stays out of the message: options hold passwords, too.
    if (!accepts(option->type, value))
      return make_error(ErrorCode::invalid_argument, "Option {} of {} must be {} in {}, it is {}", name,
                        provisioner, in_words(option->type), place, value.type_name());
    if (!is_choice(*option, value))
      return make_error(ErrorCode::invalid_argument, "Option {} of {} must be one of {} in {}", name,
                        provisioner, fmt::join(option->choices, ", "), place);
  }
  for (const auto& option : options)
    if (option.required && !config.contains(option.name))
      return make_error(ErrorCode::invalid_argument, "{} needs option {} in {}{}{}", provisioner, option.name,
                        place, option.help.empty() ? "" : ": ", option.help);
  return {};
}

nlohmann::json complete_provisioner_config(std::span<const PluginOption> options, nlohmann::json config) {
  for (const auto& option : options)
    if (option.default_value && !config.contains(option.name)) config[option.name] = *option.default_value;
  return config;
}

}  // namespace nextgen_kernels
