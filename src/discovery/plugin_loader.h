#pragma once

#include <filesystem>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "discovery/discovery.h"
#include "discovery/library_trial.h"
#include "discovery/plugin_library.h"
#include "discovery/plugin_registrar.h"

namespace nextgen_kernels {

/// The code of classes of plugins, each library loaded when the first of its classes is used. Owned by the
/// application; for any thread. Loading reads files and runs code of plugins: it can block.
class PluginLoader {
 public:
  /// The plugins, the host and the registrar outlive it. `trial_program` is the program that tries libraries,
  /// see LibraryTrial; empty: they are loaded without a trial.
  PluginLoader(const std::vector<DiscoveredPlugin>& plugins, const nk_host& host, PluginRegistrar& registrar,
               const std::filesystem::path& trial_program = {});

  /// What a manifest says of a class, with its plugin.
  struct Declaration {
    const DiscoveredPlugin* plugin;
    const PluginClass* declared;
  };
  /// Null members for a class that no manifest declares; of two, the first counts.
  Declaration find(const ClassReference& reference) const;

  /// The class in its library, which is loaded now if it is not. Fails for a class of another kind, whose
  /// functions are others. A failure is not remembered: the next call tries again.
  Result<const nk_class*> load_class(const ClassReference& reference, PluginClassKind kind);

  /// Loads everything there is; what could not be, for an operator.
  std::vector<RegistryProblem> load_all();

  /// The same for the plugins whose manifests say `load_at_start`.
  std::vector<RegistryProblem> load_at_start();

 private:
  std::vector<RegistryProblem> load_completely(const DiscoveredPlugin& plugin);
  Result<PluginLibrary> load_library(const DiscoveredPlugin& plugin);

  const std::vector<DiscoveredPlugin>& plugins_;
  const nk_host& host_;
  PluginRegistrar& registrar_;
  std::unordered_map<ClassReference, Declaration> classes_;
  std::optional<LibraryTrial> trial_;
  std::mutex mutex_;
  std::unordered_map<const DiscoveredPlugin*, PluginLibrary> libraries_;
};

}  // namespace nextgen_kernels
