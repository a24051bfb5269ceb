#pragma once

#include <filesystem>

#include "base/error.h"
#include "interfaces/connection_info.h"

namespace nextgen_kernels {

/// Writes a kernel's connection file: mode 0600 from its first moment, in one step, so that neither another
/// user nor a kernel that starts fast can see an unfinished or open one. Replaces an existing file, unless
/// that one says the same already: then a full disk does not matter. Makes its directory when a cleaner has
/// removed that.
Result<void> write_connection_file(const std::filesystem::path& path, const ConnectionInfo& info);

/// Looks whether a connection file could be written at this path, and leaves what is there as it is.
Result<void> try_connection_file(const std::filesystem::path& path);

}  // namespace nextgen_kernels
