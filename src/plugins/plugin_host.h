#pragma once

#include <nextgen_kernels/abi.h>

namespace nextgen_kernels {

/// What this program offers to every plugin; `PluginRegistrar::host_for` makes the table of one of it.
const nk_host& plugin_host();

}  // namespace nextgen_kernels
