#pragma once

#include <cstddef>

#include "base/error.h"

namespace nextgen_kernels {

/// Whether this process has file descriptors for one more kernel beside so many that are starting, and would
/// still have those that are kept for requests (`kept_descriptors`). Fails with `unavailable`.
Result<void> check_descriptors_for_kernel(std::size_t starting);

}  // namespace nextgen_kernels
