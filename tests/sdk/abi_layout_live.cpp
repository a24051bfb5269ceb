/// \file The layout of the plugin ABI by the header as it is.

#include <nextgen_kernels/abi.h>

#include "abi_layout.h"

namespace nextgen_kernels {

AbiLayout live_abi_layout() {
#include "abi_layout.inc"
}

}  // namespace nextgen_kernels
