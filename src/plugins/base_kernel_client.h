#pragma once

#include <nextgen_kernels/abi.h>

namespace nextgen_kernels {

/// `nk_host::create_base_client`: a built-in kernel client as an object of the ABI.
void* create_base_client(nk_context* context, nk_string reference, void* derived,
                         const nk_base_client_hooks* hooks, const nk_client_functions** functions,
                         nk_reply reply);

}  // namespace nextgen_kernels
