/// \file The layout of the plugin ABI by the header as it was published with version 1.

#include <nextgen_kernels/abi.h>

#include "abi_layout.h"

namespace nextgen_kernels {

AbiLayout abi_v1_layout() {
#include "abi_layout.inc"
}

}  // namespace nextgen_kernels
