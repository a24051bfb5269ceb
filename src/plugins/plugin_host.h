#pragma once

#include <nextgen_kernels/abi.h>

namespace nextgen_kernels {

/// What this program offers to plugins.
const nk_host& plugin_host();

}  // namespace nextgen_kernels
