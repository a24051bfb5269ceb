#pragma once

namespace nextgen_kernels {

/// The version of the plugin ABI that this program speaks; a plugin states in its manifest for which one its
/// library was built.
inline constexpr int plugin_abi_version = 1;

}  // namespace nextgen_kernels
