#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "registry/mapping.h"
#include "registry/registry_core.h"

namespace nextgen_kernels {

/// Replaces all mappings of one precedence, in one step, by those that these texts describe. A mapping that
/// was there before stays the same one. Each text that cannot be used is an error, which is also logged and
/// kept as a problem. Internal to the registry.
std::vector<Error> replace_all_mappings(RegistryCore& core, Precedence precedence,
                                        const std::vector<TextMapping>& texts);

}  // namespace nextgen_kernels
