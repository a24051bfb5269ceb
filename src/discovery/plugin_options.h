#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "discovery/plugin_manifest.h"

namespace nextgen_kernels {

/// Where kernel specs give the options of their provisioner.
inline constexpr std::string_view provisioner_options_place = "metadata.kernel_provisioner.config";

/// Whose options are given, and where, for messages.
struct OptionsPlace {
  std::string_view owner;  ///< A provisioner by the name that the kernel spec uses, or a class.
  std::string_view place;
};

/// Whether these values, an object, are those of a class with these options; else says what is wrong with
/// them: an option that it does not have, a value of a wrong type, a missing one.
Result<void> check_options(const OptionsPlace& given, std::span<const PluginOption> options,
                           const nlohmann::json& values);

/// The values, with the defaults of the options that they do not give.
nlohmann::json complete_options(std::span<const PluginOption> options, nlohmann::json values);

/// What the configuration says of the options of a class.
struct ConfiguredOptions {
  ClassReference class_reference;
  nlohmann::json values;  ///< An object.
};

/// Reads the options of a configuration, each a JSON object with a `class` and its `options`. An error starts
/// with `name[index]`.
Result<std::vector<ConfiguredOptions>> parse_class_options(std::span<const std::string> objects,
                                                           const std::string& name);

}  // namespace nextgen_kernels
