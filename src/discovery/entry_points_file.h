#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "registry/entry_point.h"

namespace nextgen_kernels {

/// What the `entry_points.txt` of a Python distribution says in the two groups that matter here.
struct EntryPointsFile {
  std::vector<EntryPoint> provisioners = {};  ///< Group `jupyter_client.kernel_provisioners`.
  std::vector<EntryPoint> clients = {};       ///< Group `jupyter_kernel_client_registry`.
  std::vector<std::string> problems = {};     ///< Lines of these groups that mean nothing, one sentence each.
};

/// Reads the text of an `entry_points.txt` (Python packaging's "Entry points specification"): groups in
/// brackets, lines of `name = module:attribute [extras]`, comments. As in importlib.metadata the first `=`
/// ends the name, which may hold colons; extras are dropped. The entry points say that they are of
/// `distribution` and stand in the file `path`.
EntryPointsFile parse_entry_points(std::string_view text, const std::string& distribution,
                                   const std::string& path);

}  // namespace nextgen_kernels
