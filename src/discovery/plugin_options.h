#pragma once

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "discovery/plugin_manifest.h"

namespace nextgen_kernels {

/// The options of a provisioner for kernels of one spec: what its `metadata.kernel_provisioner.config` says,
/// and the defaults of the others. Fails for a name that the manifest does not have (with the one that was
/// probably meant), and for a value of another type.
Result<nlohmann::json> complete_options(const PluginClass& provisioner, const nlohmann::json& config);

}  // namespace nextgen_kernels
