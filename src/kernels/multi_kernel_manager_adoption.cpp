// What `MultiKernelManager` does with the kernels of servers that are gone.
#include "base/log.h"
#include "kernels/multi_kernel_manager.h"
#include "registry/kernel_provisioner_factory.h"

namespace nextgen_kernels {

Task<void> MultiKernelManager::adopt_kernels(std::vector<AbandonedKernel> abandoned, AdoptionPolicy policy) {
  TaskGroup adoptions(executor_);
  for (auto& kernel : abandoned) {
    auto name = "adopt kernel " + kernel.record.kernel_id;
    adoptions.spawn(std::move(name), adopt_kernel(std::move(kernel), policy));
  }
  co_await adoptions.join();
}

Task<void> MultiKernelManager::adopt_kernel(AbandonedKernel abandoned, AdoptionPolicy policy) {
  const auto& record = abandoned.record;
  auto spec = co_await files_.run([this, name = record.kernel_name] { return specs_.get_kernel_spec(name); });
  auto reason = why_not_adopted(record, spec, policy);
  if (reason.empty()) {
    const auto kernel = make_kernel_manager_({.kernel_id = record.kernel_id,
                                              .spec = std::move(*spec),
                                              .environment = record.environment,
                                              .working_directory = record.working_directory});
    reason = co_await try_to_adopt(kernel, abandoned);
    if (reason.empty()) co_return;
    if (kernel->has_process()) co_return end_orphan(kernel, reason);
  }
  co_await report_orphan(std::move(abandoned), std::move(reason));
}

std::string MultiKernelManager::why_not_adopted(const KernelRecord& record, const Result<KernelSpec>& spec,
                                                AdoptionPolicy policy) const {
  if (policy == AdoptionPolicy::end) return "this server does not adopt kernels (KernelState.adopt_kernels)";
  if (record.is_spare) return "it was one of the pool, which nobody had used";
  if (record.provisioner.is_null())
    return fmt::format("its provisioner {} cannot hand it over", record.provisioner_class);
  if (!spec) return spec.error().message;
  if (find_kernel(record.kernel_id) != nullptr) return "another kernel has its id";
  return {};
}

Task<std::string> MultiKernelManager::try_to_adopt(std::shared_ptr<KernelManager> kernel,
                                                   AbandonedKernel abandoned) {
  add(kernel);
  const auto adopted = co_await kernel->adopt_kernel(std::move(abandoned));
  if (adopted) {
    if (cull_timeout(kernel->kernel_spec(), options_.culling)) begin_culling();
    co_return std::string();
  }
  std::erase(kernels_, kernel);
  kernel->on_shutdown_by_client = nullptr;
  co_return adopted.error().message;
}

/// Of a kernel that is not there any more, or that cannot be reached from here, it is only told.
Task<void> MultiKernelManager::report_orphan(AbandonedKernel abandoned, std::string reason) {
  const auto& record = abandoned.record;
  KernelSpec spec;
  spec.name = record.kernel_name;
  // The provisioner that makes processes here; kernels of others are refused.
  spec.provisioner.name = KernelProvisionerFactory::standard_provisioner_name;
  const auto kernel = make_kernel_manager_(
      {.kernel_id = record.kernel_id, .spec = std::move(spec), .environment = {}, .working_directory = {}});
  kernel->on_event = [this](const KernelEvent& event) { tell(event); };
  const auto attached = co_await kernel->attach_to(abandoned);
  if (attached) co_return end_orphan(kernel, reason);
  const bool has_ended = attached.error().code == ErrorCode::not_found;
  auto text = has_ended ? std::string("It has ended, as the server has that had started it.")
                        : fmt::format(
                              "The server that had started it is gone, and it could not be adopted: {}. "
                              "Its process cannot be ended from here either: {}.",
                              reason, attached.error().message);
  log_warning("Kernel {} ({}): {}", record.kernel_id, record.kernel_name, text);
  co_await end_kernel(kernel, {.action = has_ended ? KernelAction::died : KernelAction::orphan_ended,
                               .reason = std::move(text)});
}

void MultiKernelManager::end_orphan(const std::shared_ptr<KernelManager>& kernel, const std::string& reason) {
  auto text = fmt::format("The server that had started it is gone, and it could not be adopted: {}.", reason);
  log_warning("Kernel {} ({}) is ended. {}", kernel->kernel_id(), kernel->kernel_spec().name, text);
  tasks_.spawn("end kernel " + kernel->kernel_id(),
               end_kernel(kernel, {.action = KernelAction::orphan_ended, .reason = std::move(text)}));
}

Task<void> MultiKernelManager::end_kernel(std::shared_ptr<KernelManager> kernel, ShutdownCause cause) {
  co_await kernel->shutdown_kernel({options_.shutdown_wait_time}, std::move(cause));
}

}  // namespace nextgen_kernels
