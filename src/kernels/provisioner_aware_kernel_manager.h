#pragma once

#include "kernels/kernel_manager.h"
#include "registry/kernel_client_registry.h"

namespace nextgen_kernels {

/// What the registry may know of kernels of a spec.
KernelContext kernel_context_of(const KernelSpec& spec);

/// The client class that the registry decided on, or why there is none, in words.
Result<ClassReference> client_of(const Resolution& resolution);

/// A kernel manager that asks the registry which client class serves the provisioner's class.
/// The registry belongs to the application and outlives every manager.
class ProvisionerAwareKernelManager final : public KernelManager {
 public:
  ProvisionerAwareKernelManager(Executor executor, KernelLaunch launch, KernelFactories factories,
                                KernelManagerOptions options, const KernelClientRegistry& registry);

 protected:
  Result<ClientSelection> select_client(const KernelProvisioner& provisioner) override;

 private:
  const KernelClientRegistry& registry_;
};

}  // namespace nextgen_kernels
