#pragma once

#include <nextgen_kernels/abi.h>

namespace nextgen_kernels {

/// `nk_host::create_base_provisioner`: a built-in provisioner as an object of the ABI.
void* create_base_provisioner(nk_context* context, nk_string reference, void* derived,
                              const nk_base_provisioner_hooks* hooks,
                              const nk_provisioner_functions** functions, nk_reply reply);

}  // namespace nextgen_kernels
