#include "discovery/plugin_options.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "base/strings.h"
#include "discovery/json_reader.h"

namespace nextgen_kernels {
namespace {

std::unexpected<Error> unknown_option(const OptionsPlace& given, std::span<const PluginOption> options,
                                      const std::string& name) {
  const auto& [owner, place] = given;
  std::vector<std::string> names;
  for (const auto& option : options) names.push_back(option.name);
  if (names.empty())
    return make_error(ErrorCode::invalid_argument, "{} has no option {:?}: it takes none in {}", owner,
                      printable(name), place);
  const auto meant = closest_match(name, names);
  return make_error(ErrorCode::invalid_argument, "{} has no option {:?} in {}. {}", owner, printable(name),
                    place,
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

Result<void> check_options(const OptionsPlace& given, std::span<const PluginOption> options,
                           const nlohmann::json& values) {
  const auto& [owner, place] = given;
  for (const auto& [name, value] : values.items()) {
    const auto option = std::ranges::find(options, name, &PluginOption::name);
    if (option == options.end()) return unknown_option(given, options, name);
    // The value stays out of the message: options hold passwords, too.
    if (!accepts(option->type, value))
      return make_error(ErrorCode::invalid_argument, "Option {} of {} must be {} in {}, it is {}", name,
                        owner, in_words(option->type), place, value.type_name());
    if (!is_choice(*option, value))
      return make_error(ErrorCode::invalid_argument, "Option {} of {} must be one of {} in {}", name, owner,
                        fmt::join(option->choices, ", "), place);
  }
  for (const auto& option : options)
    if (option.required && !values.contains(option.name))
      return make_error(ErrorCode::invalid_argument, "{} needs option {} in {}{}{}", owner, option.name,
                        place, option.help.empty() ? "" : ": ", option.help);
  return {};
}

nlohmann::json complete_options(std::span<const PluginOption> options, nlohmann::json values) {
  for (const auto& option : options)
    if (option.default_value && !values.contains(option.name)) values[option.name] = *option.default_value;
  return values;
}

Result<std::vector<ConfiguredOptions>> parse_class_options(std::span<const std::string> objects,
                                                           const std::string& name) {
  constexpr std::array<std::string_view, 2> members = {"class", "options"};
  std::vector<ConfiguredOptions> configured;
  for (const auto& object : objects) {
    const auto document = nlohmann::json::parse(object, nullptr, false);
    const JsonPlace place{&document, fmt::format("{}[{}]", name, configured.size())};
    JsonReader reader;
    if (reader.expect_object(place)) {
      reader.refuse_others(place, members);
      const auto reference = reader.required<ClassReference>(place, "class");
      const auto values = reader.required_member(place, "options");
      if (reference && values && reader.expect_object(values))
        configured.push_back({*reference, *values.value});
    }
    if (reader.error()) return make_error(ErrorCode::invalid_argument, "{}", *reader.error());
  }
  return configured;
}

}  // namespace nextgen_kernels
