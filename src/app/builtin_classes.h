#pragma once

#include "base/error.h"
#include "kernels/kernel_manager.h"
#include "provisioners/existing/existing_provisioner.h"
#include "provisioners/local/local_provisioner.h"
#include "registry/kernel_client_registry.h"
#include "registry/kernel_provisioner_factory.h"

namespace nextgen_kernels {

/// Declares the provisioner and client classes of this program, and which of them belong together.
Result<void> register_builtin_classes(KernelClientRegistry& registry, KernelProvisionerFactory& provisioners);

/// What the built-in provisioners need.
struct BuiltinClassSettings {
  LocalProvisioner::Options local_provisioner;
  ExistingProvisioner::Options existing_provisioner;
};

/// Makes the objects of the classes above; fails for a class that this program does not have. The factory
/// outlives what is made.
KernelFactories make_builtin_factories(const KernelProvisionerFactory& provisioners,
                                       BuiltinClassSettings settings);

/// True for the classes above: this program itself makes their objects.
bool is_builtin_class(const ClassReference& reference);

/// Whether this program can start a kernel of this spec, or why not.
Result<void> check_provisioner(const KernelProvisionerFactory& provisioners, const KernelSpec& spec);

}  // namespace nextgen_kernels
