#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "base/jupyter_paths.h"
#include "config/server_options.h"
#include "discovery/discovery.h"
#include "kernelspecs/kernel_spec_manager.h"
#include "registry/kernel_client_registry.h"
#include "registry/kernel_provisioner_factory.h"
#include "registry/registry_problem.h"

namespace nextgen_kernels {

/// What kernels there can be here: the classes of this program and of packages, which client serves which
/// provisioner, and the kernel specs. Made before anything is served, or instead of that, by commands that
/// only look. Owned by the application or the command; its parts may be used from any thread.
class KernelCatalog {
 public:
  /// Discovers packages and applies the configuration. Packages that are broken stop nothing: they are
  /// `problems`. Fails when the configuration cannot be carried out.
  static Result<std::unique_ptr<KernelCatalog>> make(const ServerOptions& options, const JupyterPaths& paths,
                                                     const Environment& environment);

  KernelCatalog(const KernelCatalog&) = delete;
  KernelCatalog& operator=(const KernelCatalog&) = delete;

  KernelClientRegistry& registry() { return registry_; }
  const KernelClientRegistry& registry() const { return registry_; }
  const KernelProvisionerFactory& provisioners() const { return provisioners_; }
  /// Its functions look at files.
  KernelSpecManager& kernel_specs() const { return *specs_; }
  /// The plugins that were found.
  const std::vector<DiscoveredPlugin>& plugins() const { return discovery_.plugins; }

  /// What an operator should look at, as `registry doctor` tells it. Looks at files.
  std::vector<RegistryProblem> problems() const;

  /// Writes into the log which client serves which provisioner, one line each, and what was wrong with
  /// packages.
  void log_findings() const;

 private:
  KernelCatalog(const ServerOptions& options, const JupyterPaths& paths, const Environment& environment);

  Result<void> set_up(const ServerOptions& options);
  void add_packages();
  Result<void> apply_configuration(const ServerOptions& options);
  void mark_what_cannot_be_made();
  std::string why_not_made(const ClassReference& reference, std::string_view otherwise) const;

  KernelClientRegistry registry_;
  KernelProvisionerFactory provisioners_;
  Discovery discovery_;
  std::vector<RegistryProblem> refused_;  // Of what was discovered; in the log already.
  std::unordered_map<ClassReference, const DiscoveredPlugin*> plugin_classes_;
  std::unique_ptr<KernelSpecManager> specs_;
};

}  // namespace nextgen_kernels
