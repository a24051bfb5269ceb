#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/error.h"
#include "base/file_stamp.h"
#include "base/jupyter_paths.h"
#include "config/server_options.h"
#include "discovery/discovery.h"
#include "discovery/plugin_loader.h"
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
  /// `problems`. Fails when the configuration cannot be carried out. `trial_program` is this program, which
  /// tries libraries of plugins (LibraryTrial); empty: they are loaded without a trial.
  static Result<std::unique_ptr<KernelCatalog>> make(const ServerOptions& options, const JupyterPaths& paths,
                                                     const Environment& environment,
                                                     const std::filesystem::path& trial_program = {});

  KernelCatalog(const KernelCatalog&) = delete;
  KernelCatalog& operator=(const KernelCatalog&) = delete;

  KernelClientRegistry& registry() { return registry_; }
  const KernelClientRegistry& registry() const { return registry_; }
  const KernelProvisionerFactory& provisioners() const { return provisioners_; }
  /// Its functions look at files.
  KernelSpecManager& kernel_specs() const { return *specs_; }
  /// The plugins that were found.
  const std::vector<DiscoveredPlugin>& plugins() const { return discovery_.plugins; }

  /// What the manifests of plugins say of the listeners for kernels of a spec.
  std::vector<const PluginClass*> listeners_for(const std::string& kernel_name) const;

  /// What kernels of a spec are started with: the class, and for a plugin's its complete options. Fails when
  /// the spec cannot be used, and says why.
  struct SelectedProvisioner {
    ClassReference reference;
    nlohmann::json options;
  };
  Result<SelectedProvisioner> select_provisioner(const KernelSpec& spec) const;

  /// What objects of a client or listener class of a plugin are made with: its options as the configuration
  /// and its manifest give them. Fails when the configuration does not fit.
  Result<nlohmann::json> class_options(const PluginClass& declared) const;

  /// The same for a class by its reference; none for one that no plugin brings.
  Result<nlohmann::json> class_options(const ClassReference& reference) const;

  /// The code of a class of a plugin, of this kind. Loads its library at the first call, which can block.
  /// When that fails, kernels are refused the class, with the reason, until the library's file changes.
  Result<const nk_class*> load_class(const ClassReference& reference, PluginClassKind kind);

  /// Loads what a kernel of this spec will need, and lets a client class whose constructor failed try again.
  /// Can block.
  void prepare_classes(const KernelSpec& spec);

  /// Says how it went to make an object of a class of a plugin: `failure` is empty when it was made.
  void note_object(const ClassReference& reference, const std::string& failure);

  /// Loads the libraries of all plugins; what fails is a problem from then on. Can block.
  void load_plugins();

  /// What an operator should look at, as `registry doctor` tells it. Looks at files.
  std::vector<RegistryProblem> problems() const;

  /// Writes into the log which client serves which provisioner, one line each, and what was wrong with
  /// packages.
  void log_findings() const;

 private:
  KernelCatalog(const ServerOptions& options, const JupyterPaths& paths, const Environment& environment,
                const std::filesystem::path& trial_program);

  Result<void> set_up(const ServerOptions& options);
  void add_packages();
  Result<void> apply_configuration(const ServerOptions& options);
  Result<void> take_class_options(const ServerOptions& options);
  void load_at_start();
  void mark_what_cannot_be_made();
  std::vector<PluginOption> provisioner_options(const PluginClass& declared) const;
  std::string why_not_made(const ClassReference& reference, std::string_view otherwise) const;
  Result<void> check_availability(const KernelSpec& spec);
  std::optional<ClassReference> client_meant_by(const Resolution& resolution) const;
  void forget_failures_of_changed_libraries();
  std::vector<RegistryProblem> overruled_entry_points() const;
  void note_load_failure(const ClassReference& reference, const std::string& failure);
  void set_class_problem(const ClassReference& reference, const std::string& failure);

  std::string default_kernel_name_;
  KernelClientRegistry registry_;
  KernelProvisionerFactory provisioners_;
  Discovery discovery_;
  PluginRegistrar registrar_{registry_};
  std::vector<RegistryProblem> refused_;        // Of what was discovered; in the log already.
  std::vector<RegistryProblem> load_problems_;  // Of the libraries that were loaded before any kernel.
  PluginLoader loader_;
  std::unordered_map<ClassReference, nlohmann::json> class_options_;  // As configured.
  std::unique_ptr<KernelSpecManager> specs_;

  mutable std::mutex class_mutex_;
  std::map<std::string, RegistryProblem> class_problems_;  // Of classes of plugins, while there is one.
  std::unordered_set<ClassReference> clients_that_could_not_be_made_;
  std::unordered_map<ClassReference, FileStamp> failed_loads_;  // With the library as it was.
  std::vector<CallbackRegistration> registry_callbacks_;
};

}  // namespace nextgen_kernels
