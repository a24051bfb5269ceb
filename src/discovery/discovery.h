#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "discovery/plugin_manifest.h"
#include "registry/entry_point.h"
#include "registry/registry_problem.h"

namespace nextgen_kernels {

/// Where packages are looked for, each list most important first.
struct DiscoveryPaths {
  /// Folders of manifests that the operator named; a missing one is a problem.
  std::vector<std::filesystem::path> plugin_path = {};
  /// Jupyter's data directories: manifests are in `nextgen_kernels/plugins/` of each.
  std::vector<std::filesystem::path> data_path = {};
  /// Site-packages folders; a missing one is a problem.
  std::vector<std::filesystem::path> python_path = {};
};

/// A plugin whose manifest could be read.
struct DiscoveredPlugin {
  PluginManifest manifest;
  std::string unusable = {};  ///< Why its library cannot be loaded, in words; empty when nothing is known.
};

/// What packages bring, found without running any code of theirs.
struct Discovery {
  /// One for each package: the first on the search path.
  std::vector<DiscoveredPlugin> plugins = {};
  /// Entry points of plugins, then of Python distributions, in the order of the search path.
  std::vector<EntryPoint> provisioners = {};
  std::vector<EntryPoint> clients = {};
  std::vector<RegistryProblem> problems = {};
};

/// Looks for packages. What is broken, or could have been written by others than root and this user, is left
/// out and is a problem; it never stops the rest.
Discovery discover(const DiscoveryPaths& paths);

}  // namespace nextgen_kernels
