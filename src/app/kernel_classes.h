#pragma once

#include "app/builtin_classes.h"
#include "app/kernel_catalog.h"
#include "kernels/kernel_manager.h"
#include "plugins/plugin_context.h"
#include "plugins/plugin_listeners.h"
#include "runtime/blocking_pool.h"

namespace nextgen_kernels {

/// Makes the objects of every class there is: those of this program, and those of plugins, whose libraries
/// are loaded when a kernel first needs them. Owned by the application; outlives the objects. Used on the
/// kernels' executor.
class KernelClasses {
 public:
  /// The catalog outlives it.
  KernelClasses(KernelCatalog& catalog, BuiltinClassSettings settings);
  KernelClasses(const KernelClasses&) = delete;
  KernelClasses& operator=(const KernelClasses&) = delete;

  /// What makes the objects of one kernel.
  KernelFactories factories_for(const KernelLaunch& launch);

  /// Lets the listeners of plugins follow a kernel.
  void attach_listeners(const KernelManager& kernel, PluginListeners& listeners);

 private:
  Result<std::unique_ptr<KernelProvisioner>> make_provisioner(const KernelSpec& spec,
                                                              const nlohmann::json& about,
                                                              const Executor& executor);
  Result<std::unique_ptr<KernelClient>> make_client(const std::string& client_class,
                                                    const nlohmann::json& about, MessageSink& sink,
                                                    const Executor& executor);
  template <typename Interface, typename Adapter>
  Result<std::unique_ptr<Interface>> make_plugin_object(const ClassReference& reference,
                                                        const nlohmann::json& about, MessageSink* sink,
                                                        const Executor& executor);

  KernelCatalog& catalog_;
  BuiltinClassSettings settings_;
  BaseClassMakers base_makers_;
  BlockingPool loading_{4};  // Several: the trial of a library may take its time.
};

}  // namespace nextgen_kernels
