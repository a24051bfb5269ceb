#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include <nextgen_kernels/abi.h>

#include "base/error.h"
#include "discovery/plugin_manifest.h"
#include "registry/kernel_client_registry.h"
#include "registry/registry_problem.h"

namespace nextgen_kernels {

/// Lets the code of plugins register kernel clients, each plugin in its own name. Owned by the application;
/// for any thread.
class PluginRegistrar {
 public:
  /// The registry outlives it.
  explicit PluginRegistrar(KernelClientRegistry& registry);
  PluginRegistrar(const PluginRegistrar&) = delete;
  PluginRegistrar& operator=(const PluginRegistrar&) = delete;
  /// Waits for a registration under way; later ones are refused.
  ~PluginRegistrar();

  /// The table of functions for the library of a plugin: `host`, with what the ABI calls nk_library. It stays
  /// for the life of the process, as the library does, and is the same at every call with one manifest.
  const nk_host& host_for(const PluginManifest& manifest, const nk_host& host);

  /// What plugins wanted to register and could not, unless they did so since.
  std::vector<RegistryProblem> problems() const;

  /// What nk_host::register_client does; its comment says what the texts are. The error is also logged and a
  /// problem. Does nothing for a library that was given `host` itself (null).
  static Result<void> register_client(nk_library* library, std::string_view provisioner,
                                      std::string_view client, std::string_view options);

 private:
  struct State;
  struct Library;

  std::shared_ptr<State> state_;
};

}  // namespace nextgen_kernels
