#pragma once

#include <filesystem>

#include "base/error.h"
#include "interfaces/connection_info.h"

namespace nextgen_kernels {

/// Writes a kernel's connection file: mode 0600 from its first moment, in one step, so that neither another
/// user nor a kernel that starts fast can see an unfinished or open one. Replaces an existing file.
Result<void> write_connection_file(const std::filesystem::path& path, const ConnectionInfo& info);

}  // namespace nextgen_kernels
