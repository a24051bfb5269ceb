#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "registry/entry_point.h"
#include "registry/registry_problem.h"

namespace nextgen_kernels {

/// What the distributions installed for a Python bring, as far as it matters here.
struct PythonDistributions {
  std::vector<EntryPoint> provisioners = {};  ///< In the order of the search path.
  std::vector<EntryPoint> clients = {};
  std::vector<RegistryProblem> problems = {};
};

/// Reads the entry points of every `*.dist-info` and `*.egg-info` in these site-packages folders, without
/// Python. As in importlib.metadata, the first distribution of a name hides those of the same name in later
/// folders; within one folder it is the one that sorts first. A folder that cannot be read, or a file, is a
/// problem and stops nothing. So is what would be found elsewhere and is not: entry points of a hidden
/// distribution, and those behind the paths in `.pth` and `.egg-link` files, which are not followed.
PythonDistributions find_python_distributions(std::span<const std::filesystem::path> site_packages);

/// The folders in which the Python of each environment finds its distributions, those that exist:
/// `lib/python3.*/site-packages` of the user base (`pip install --user`; empty: none) and of the
/// environment prefixes, and Debian's `dist-packages`. Where `bin/python3` of a prefix tells its version,
/// only folders of that version.
std::vector<std::filesystem::path> default_python_path(
    std::span<const std::filesystem::path> environment_prefixes, const std::filesystem::path& user_base);

/// The name by which packages are compared (PEP 503): lower case, and one `-` for each run of `-`, `_`, `.`.
std::string normalized_package_name(std::string_view name);

}  // namespace nextgen_kernels
