#include "kernels/provisioner_aware_kernel_manager.h"

namespace nextgen_kernels {

KernelContext kernel_context_of(const KernelSpec& spec) {
  KernelContext context{.kernel_name = spec.name, .language = spec.language};
  const auto& metadata = spec.metadata;
  if (const auto kernel_client = metadata.find("kernel_client");
      kernel_client != metadata.end() && kernel_client->is_string())
    context.kernel_client = kernel_client->get<std::string>();
  if (const auto labels = metadata.find("labels"); labels != metadata.end() && labels->is_object())
    for (const auto& [name, value] : labels->items())
      if (value.is_string()) context.labels.emplace(name, value.get<std::string>());
  return context;
}

Result<ClassReference> client_of(const Resolution& resolution) {
  if (!resolution.refusal.empty()) return make_error(ErrorCode::unavailable, "{}", resolution.refusal);
  if (resolution.client) return *resolution.client;
  return make_error(
      ErrorCode::not_found,
      "No kernel client class is registered for provisioner {} or one of its bases, and there is no "
      "fallback client (KernelClientRegistry.fallback_client_class)",
      resolution.provisioner);
}

ProvisionerAwareKernelManager::ProvisionerAwareKernelManager(Executor executor, KernelLaunch launch,
                                                             KernelFactories factories,
                                                             KernelManagerOptions options,
                                                             const KernelClientRegistry& registry)
    : KernelManager(std::move(executor), std::move(launch), std::move(factories), std::move(options)),
      registry_(registry) {}

Result<ClientSelection> ProvisionerAwareKernelManager::select_client(const KernelProvisioner& provisioner) {
  const auto reference = ClassReference::parse(provisioner.class_reference());
  if (!reference) return std::unexpected(reference.error());
  const auto resolution = registry_.get_client_for_provisioner(*reference, kernel_context_of(kernel_spec()));
  const auto client = client_of(*resolution);
  if (!client) return std::unexpected(client.error());
  return ClientSelection{.client_class = client->to_string(),
                         .matched_by = std::string(to_string(resolution->matched_by)),
                         .explanation = resolution->source};
}

}  // namespace nextgen_kernels
