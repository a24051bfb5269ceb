#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "clients/zmq/heartbeat_watch.h"
#include "discovery/plugin_manifest.h"
#include "interfaces/kernel_client.h"
#include "interfaces/kernel_provisioner.h"
#include "journal/message_sink.h"
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
  HeartbeatWatch::Options heartbeat = {};
  std::size_t message_limit_bytes = std::size_t{512} * 1024 * 1024;
};

/// Objects of the classes above; fail for a class that this program does not have.
/// `prepare` is for provisioners that start processes here, and may be empty.
Result<std::unique_ptr<KernelProvisioner>> make_builtin_provisioner(std::string_view reference,
                                                                    const Executor& executor,
                                                                    const BuiltinClassSettings& settings,
                                                                    PrepareProcess prepare);
Result<std::unique_ptr<KernelClient>> make_builtin_client(std::string_view reference, MessageSink& sink,
                                                          const Executor& executor,
                                                          const BuiltinClassSettings& settings);

/// What a kernel spec can say to a built-in provisioner, in `metadata.kernel_provisioner.config`.
std::vector<PluginOption> builtin_provisioner_options(const ClassReference& provisioner);

/// True for the classes above: this program itself makes their objects.
bool is_builtin_class(const ClassReference& reference);

}  // namespace nextgen_kernels
