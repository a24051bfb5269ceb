#include "app/builtin_classes.h"

#include <array>
#include <span>

#include "clients/zmq/jupyter_server_kernel_client.h"

namespace nextgen_kernels {
namespace {

constexpr ClassReferenceLiteral provisioner_base =
    "jupyter_client.provisioning.provisioner_base:KernelProvisionerBase";
constexpr ClassReferenceLiteral local_provisioner = LocalProvisioner::reference;
constexpr ClassReferenceLiteral existing_provisioner = ExistingProvisioner::reference;
constexpr ClassReferenceLiteral zmq_client = JupyterServerKernelClient::reference;
// By which Python code imports these classes; LocalProvisioner's own entry point names it by the first.
constexpr std::array<ClassReferenceLiteral, 2> local_provisioner_aliases = {
    "jupyter_client.provisioning:LocalProvisioner", "jupyter_client:LocalProvisioner"};
constexpr std::array<ClassReferenceLiteral, 2> provisioner_base_aliases = {
    "jupyter_client.provisioning:KernelProvisionerBase", "jupyter_client:KernelProvisionerBase"};
constexpr std::array<ClassReferenceLiteral, 1> existing_provisioner_aliases = {
    "nextgen_kernels_api.provisioning:ExistingProvisioner"};
constexpr std::array<ClassReferenceLiteral, 1> zmq_client_aliases = {
    "nextgen_kernels_api.services.kernels:JupyterServerKernelClient"};
constexpr std::string_view existing_provisioner_name = "existing-provisioner";
constexpr std::string_view builtin_source = "built in";

}  // namespace

Result<void> register_builtin_classes(KernelClientRegistry& registry,
                                      KernelProvisionerFactory& provisioners) {
  const auto version = Version::parse(NEXTGEN_KERNELS_VERSION);
  if (!version) return std::unexpected(version.error());
  // The connection files of Jupyter: ports of ZMQ sockets, spoken to in the messaging protocol's version 5.
  const auto produced = ConnectionContract::parse("jupyter-zmq 5.3");
  if (!produced) return std::unexpected(produced.error());
  const auto understood = UnderstoodContract::parse("jupyter-zmq >=5,<6");
  if (!understood) return std::unexpected(understood.error());

  struct NamedClass {
    std::string_view name;
    ClassReference reference;
    std::span<const ClassReferenceLiteral> aliases;
  };
  const std::array<NamedClass, 2> named = {
      {{KernelProvisionerFactory::standard_provisioner_name, local_provisioner, local_provisioner_aliases},
       {existing_provisioner_name, existing_provisioner, existing_provisioner_aliases}}};
  const auto client_defined =
      registry.define_class({.reference = zmq_client,
                             .kind = ClassKind::client,
                             .aliases = {zmq_client_aliases.begin(), zmq_client_aliases.end()},
                             .version = *version,
                             .understands = {*understood},
                             .source = std::string(builtin_source)});
  if (!client_defined) return client_defined;
  const auto base_defined =
      registry.define_class({.reference = provisioner_base,
                             .kind = ClassKind::provisioner,
                             .aliases = {provisioner_base_aliases.begin(), provisioner_base_aliases.end()},
                             .source = std::string(builtin_source)});
  if (!base_defined) return base_defined;
  for (const auto& [name, reference, aliases] : named) {
    const auto defined = registry.define_class({.reference = reference,
                                                .kind = ClassKind::provisioner,
                                                .bases = {provisioner_base},
                                                .aliases = {aliases.begin(), aliases.end()},
                                                .version = *version,
                                                .produces = {*produced},
                                                .source = std::string(builtin_source)});
    if (!defined) return defined;
    if (auto added = provisioners.add_builtin(name, reference); !added) return added;
    const auto mapped =
        registry.register_client(reference, zmq_client, {.source = std::string(builtin_source)});
    if (!mapped) return std::unexpected(mapped.error());
  }
  registry.mark_loaded(zmq_client);
  return {};
}

Result<std::unique_ptr<KernelProvisioner>> make_builtin_provisioner(std::string_view reference,
                                                                    const Executor& executor,
                                                                    const BuiltinClassSettings& settings,
                                                                    PrepareProcess prepare) {
  if (reference == ExistingProvisioner::reference)
    return std::make_unique<ExistingProvisioner>(executor, settings.existing_provisioner);
  if (reference == LocalProvisioner::reference) {
    auto options = settings.local_provisioner;
    options.prepare_process = std::move(prepare);
    return std::make_unique<LocalProvisioner>(executor, std::move(options));
  }
  return make_error(ErrorCode::not_found, "This program has no provisioner {}; it has {} and {}", reference,
                    LocalProvisioner::reference, ExistingProvisioner::reference);
}

Result<std::unique_ptr<KernelClient>> make_builtin_client(std::string_view reference, MessageSink& sink,
                                                          const Executor& executor,
                                                          const BuiltinClassSettings& settings) {
  if (reference == JupyterServerKernelClient::reference)
    return std::make_unique<JupyterServerKernelClient>(executor, sink, settings.heartbeat,
                                                       settings.message_limit_bytes);
  return make_error(ErrorCode::not_found, "This program has no kernel client {}; it has {}", reference,
                    JupyterServerKernelClient::reference);
}

std::vector<PluginOption> builtin_provisioner_options(const ClassReference& provisioner) {
  if (provisioner == ClassReference(local_provisioner))
    return {{.name = std::string(LocalProvisioner::transport_option),
             .type = PluginOptionType::string,
             .help = "how the kernel's sockets are reached, in the place of KernelManager.transport",
             .choices = {"tcp", "ipc"}}};
  if (provisioner == ClassReference(existing_provisioner))
    return {
        {.name = "connection_file",
         .type = PluginOptionType::string,
         .help = "the connection file of the running kernel, a path or a name in Jupyter's runtime directory",
         .required = true}};
  return {};
}

bool is_builtin_class(const ClassReference& reference) {
  return reference == ClassReference(local_provisioner) ||
         reference == ClassReference(existing_provisioner) || reference == ClassReference(zmq_client);
}

}  // namespace nextgen_kernels
