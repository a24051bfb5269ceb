#pragma once

#include <span>
#include <string_view>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "discovery/plugin_manifest.h"

namespace nextgen_kernels {

/// Whether `metadata.kernel_provisioner.config` of a kernel spec, an object, is one that a provisioner with
/// these options takes; else says what is wrong with it: an option that it does not have, a value of a wrong
/// type, a missing one. `provisioner` is the name that the kernel spec uses.
Result<void> check_provisioner_config(std::string_view provisioner, std::span<const PluginOption> options,
                                      const nlohmann::json& config);

/// That config, with the defaults of the options that it does not give.
nlohmann::json complete_provisioner_config(std::span<const PluginOption> options, nlohmann::json config);

}  // namespace nextgen_kernels
