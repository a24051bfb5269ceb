#include "app/builtin_classes.h"

#include "clients/zmq/jupyter_server_kernel_client.h"

namespace nextgen_kernels {
namespace {

constexpr ClassReferenceLiteral provisioner_base =
    "jupyter_client.provisioning.provisioner_base:KernelProvisionerBase";
constexpr std::string_view builtin_source = "built in";

Result<ClassReference> provisioner_of(const KernelProvisionerFactory& provisioners, const KernelSpec& spec) {
  const auto named = provisioners.find(spec.provisioner.name);
  if (!named) return std::unexpected(named.error());
  if (named->provisioner.to_string() != LocalProvisioner::reference) {
    return make_error(ErrorCode::unavailable,
                      "Provisioner {} ({}) is known by its name only: its class {} cannot be loaded",
                      named->name, named->source, named->provisioner.to_string());
  }
  return named->provisioner;
}

}  // namespace

Result<void> register_builtin_classes(KernelClientRegistry& registry,
                                      KernelProvisionerFactory& provisioners) {
  const auto local = ClassReference::parse(LocalProvisioner::reference);
  if (!local) return std::unexpected(local.error());
  const auto client = ClassReference::parse(JupyterServerKernelClient::reference);
  if (!client) return std::unexpected(client.error());

  const auto errors = registry.define_classes(
      {{.reference = *local,
        .kind = ClassKind::provisioner,
        .bases = {ClassReference(provisioner_base)},
        .source = std::string(builtin_source)},
       {.reference = *client, .kind = ClassKind::client, .source = std::string(builtin_source)}});
  if (!errors.empty()) return std::unexpected(errors.front());
  if (auto added = provisioners.add_builtin(KernelProvisionerFactory::standard_provisioner_name, *local);
      !added)
    return added;
  const auto mapped = registry.register_client(*local, *client, {.source = std::string(builtin_source)});
  if (!mapped) return std::unexpected(mapped.error());
  registry.mark_loaded(*client);
  return {};
}

KernelFactories make_builtin_factories(const KernelProvisionerFactory& provisioners, ZmqContext& context,
                                       BuiltinClassSettings settings) {
  KernelFactories factories;
  factories.make_provisioner = [&provisioners, settings = std::move(settings)](
                                   const KernelSpec& spec,
                                   const Executor& executor) -> Result<std::unique_ptr<KernelProvisioner>> {
    if (const auto provisioner = provisioner_of(provisioners, spec); !provisioner)
      return std::unexpected(provisioner.error());
    return std::make_unique<LocalProvisioner>(executor, settings.local_provisioner);
  };
  factories.make_client = [&context](const std::string& client_class, Conversation& conversation,
                                     const Executor& executor) -> Result<std::unique_ptr<KernelClient>> {
    if (client_class == JupyterServerKernelClient::reference)
      return std::make_unique<JupyterServerKernelClient>(executor, context, conversation);
    return make_error(ErrorCode::unavailable, "Kernel client class {} is registered, but cannot be loaded",
                      client_class);
  };
  return factories;
}

Result<void> check_provisioner(const KernelProvisionerFactory& provisioners, const KernelSpec& spec) {
  if (const auto provisioner = provisioner_of(provisioners, spec); !provisioner)
    return std::unexpected(provisioner.error());
  return {};
}

}  // namespace nextgen_kernels
