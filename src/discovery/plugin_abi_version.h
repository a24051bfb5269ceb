#pragma once

#include <nextgen_kernels/abi.h>

namespace nextgen_kernels {

/// The version of the plugin ABI that this program speaks; a plugin states in its manifest for which one its
/// library was built.
inline constexpr int plugin_abi_version = NK_ABI_VERSION;

}  // namespace nextgen_kernels
