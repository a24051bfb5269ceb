#pragma once

#include <chrono>
#include <filesystem>
#include <string>

#include "base/error.h"

namespace nextgen_kernels {

/// What `<python> -c <script>` writes to standard output (at most 1 MiB), run without a shell, in `/`, so
/// that no module of the server's working directory is imported. Blocks until it ends; after `timeout` it is
/// killed with all its children. A failure says how it ended and the last line it wrote to standard error.
Result<std::string> run_python(const std::filesystem::path& python, const std::string& script,
                               std::chrono::milliseconds timeout);

}  // namespace nextgen_kernels
