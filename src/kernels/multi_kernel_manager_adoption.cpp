// What `MultiKernelManager` does with the kernels of servers that are gone.
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/strings.h"
#include "kernels/multi_kernel_manager.h"
#include "registry/kernel_provisioner_factory.h"
#include "runtime/process_search.h"

namespace nextgen_kernels {
namespace {

ShutdownCause has_ended(const KernelRecord& record) {
  std::string text = "It has ended, as the server has that had started it.";
  log_warning("Kernel {} ({}): {}", record.kernel_id, record.kernel_name, text);
  return {.action = KernelAction::died, .reason = std::move(text)};
}

/// Finds the processes of launches that servers could not record before they were killed. What such a process
/// has started has its mark, too: of those that lead a session the kernel is the oldest. Blocks.
std::vector<AbandonedKernel> find_newer_processes(std::vector<AbandonedKernel> abandoned) {
  const auto processes = find_marked_processes(LaunchMark::variable);
  for (auto& kernel : abandoned) {
    auto& record = kernel.record;
    if (record.launch_token.empty()) continue;
    for (const auto& process : processes) {
      const auto mark = LaunchMark::parse(process.value);
      if (!process.leads_session || !mark || mark->token != record.launch_token) continue;
      const bool is_newer = mark->number > record.launch_number;
      const bool is_its_parent = mark->number == record.launch_number && kernel.newer_process &&
                                 process.identity.start_time < kernel.newer_process->start_time;
      if (!is_newer && !is_its_parent) continue;
      record.launch_number = mark->number;
      kernel.newer_process = process.identity;
    }
    if (!kernel.newer_process) continue;
    record.has_answered = false;
    record.client = nullptr;
    record.launched_at = microseconds_of(Timestamp::clock::now());
    ++record.restart_count;
  }
  return abandoned;
}

/// Why a kernel cannot be adopted whose spec or provisioner (of a plugin, maybe) is not to be had.
std::string missing_parts(const KernelRecord& record, const Error& error) {
  return fmt::format(
      "{} A server adopts kernels only while their kernel spec and their provisioner ({}) are installed as "
      "they were: install again what brings them",
      as_sentence(error.message), record.provisioner_class);
}

}  // namespace

Task<void> MultiKernelManager::adopt_kernels(std::vector<AbandonedKernel> abandoned, AdoptionPolicy policy) {
  abandoned = co_await files_.run([&abandoned] { return find_newer_processes(std::move(abandoned)); });
  TaskGroup adoptions(executor_);
  for (auto& kernel : abandoned) {
    auto name = "adopt kernel " + kernel.record.kernel_id;
    adoptions.spawn(std::move(name), adopt_kernel(std::move(kernel), policy));
  }
  co_await adoptions.join();
}

Task<void> MultiKernelManager::adopt_kernel(AbandonedKernel abandoned, AdoptionPolicy policy) {
  const auto& record = abandoned.record;
  if (record.is_launching) co_return co_await end_unfinished_start(std::move(abandoned));
  auto spec = co_await files_.run([this, name = record.kernel_name] { return specs_.get_kernel_spec(name); });
  auto reason = why_not_adopted(record, spec, policy);
  if (reason.empty()) {
    const auto kernel = make_kernel_manager_({.kernel_id = record.kernel_id,
                                              .spec = *spec,
                                              .environment = record.environment,
                                              .working_directory = record.working_directory});
    const auto adopted = co_await try_to_adopt(kernel, abandoned);
    if (adopted) co_return;
    if (kernel->has_process()) co_return end_orphan(kernel, adopted.error().message);
    const bool was_asked = !kernel->provisioner_class().empty();
    if (was_asked && adopted.error().code == ErrorCode::not_found)
      co_return co_await end_kernel(kernel, has_ended(record));
    reason = was_asked ? adopted.error().message : missing_parts(record, adopted.error());
  }
  co_await report_orphan(std::move(abandoned), std::move(spec).value_or(KernelSpec()), std::move(reason));
}

std::string MultiKernelManager::why_not_adopted(const KernelRecord& record, const Result<KernelSpec>& spec,
                                                AdoptionPolicy policy) const {
  if (policy == AdoptionPolicy::end) return "this server does not adopt kernels (KernelState.adopt_kernels)";
  if (record.is_spare) return "it was one of the pool, which nobody had used";
  if (record.provisioner.is_null())
    return fmt::format("its provisioner {} cannot hand it over", record.provisioner_class);
  if (!spec) return missing_parts(record, spec.error());
  if (find_kernel(record.kernel_id) != nullptr) return "another kernel has its id";
  return {};
}

Task<Result<void>> MultiKernelManager::try_to_adopt(std::shared_ptr<KernelManager> kernel,
                                                    AbandonedKernel abandoned) {
  add(kernel);
  auto adopted = co_await kernel->adopt_kernel(std::move(abandoned));
  if (adopted) {
    if (cull_timeout(kernel->kernel_spec(), options_.culling)) begin_culling();
  } else {
    std::erase(kernels_, kernel);
    kernel->on_shutdown_by_client = nullptr;
  }
  co_return adopted;
}

/// A start that the server of the kernel was killed in: nobody was told of the kernel.
Task<void> MultiKernelManager::end_unfinished_start(AbandonedKernel abandoned) {
  if (abandoned.newer_process)
    co_return co_await report_orphan(std::move(abandoned), KernelSpec(), "its start had not ended yet");
  const auto& record = abandoned.record;
  log_info("Kernel {} ({}) is forgotten: its server was killed before it was started", record.kernel_id,
           record.kernel_name);
  KernelSpec spec;
  spec.name = record.kernel_name;
  const auto kernel = make_kernel_manager_(
      {.kernel_id = record.kernel_id, .spec = std::move(spec), .environment = {}, .working_directory = {}});
  co_await kernel->shutdown_kernel({options_.shutdown_wait_time});
}

/// Of a kernel that is not there any more, or that cannot be reached from here, it is only told. `spec` is
/// its kernel spec, without a name when there is none.
Task<void> MultiKernelManager::report_orphan(AbandonedKernel abandoned, KernelSpec spec, std::string reason) {
  using enum KernelManager::Adopter;
  const auto& record = abandoned.record;
  std::vector<std::pair<KernelSpec, KernelManager::Adopter>> adopters;
  // What cannot hand a kernel over cannot take it over to end it, either.
  if (!spec.name.empty() && !record.provisioner.is_null())
    adopters.emplace_back(std::move(spec), its_own_class);
  // The provisioner that makes processes here: it ends one whose record has what it looks at, as records of
  // classes that extend it have. It refuses others.
  KernelSpec standard;
  standard.name = record.kernel_name;
  standard.provisioner.name = KernelProvisionerFactory::standard_provisioner_name;
  adopters.emplace_back(std::move(standard), any_class);

  std::shared_ptr<KernelManager> kernel;
  Result<void> attached;
  for (auto& [spec_of_adopter, adopter] : adopters) {
    kernel = make_kernel_manager_({.kernel_id = record.kernel_id,
                                   .spec = std::move(spec_of_adopter),
                                   .environment = {},
                                   .working_directory = {}});
    kernel->on_event = [this](const KernelEvent& event) { tell(event); };
    attached = co_await kernel->attach_to(abandoned, adopter);
    if (attached) co_return end_orphan(kernel, reason);
    if (kernel->provisioner_class() == record.provisioner_class &&
        attached.error().code == ErrorCode::not_found)
      co_return co_await end_kernel(kernel, has_ended(record));
  }
  auto text = fmt::format(
      "The server that had started it is gone, and it could not be adopted: {} Its process cannot be ended "
      "from here either: {} If it still runs, end it by other means: kernels of this machine have the id "
      "in their command line.",
      as_sentence(reason), as_sentence(attached.error().message));
  log_warning("Kernel {} ({}): {}", record.kernel_id, record.kernel_name, text);
  co_await end_kernel(kernel, {.action = KernelAction::orphan_ended, .reason = std::move(text)});
}

void MultiKernelManager::end_orphan(const std::shared_ptr<KernelManager>& kernel, const std::string& reason) {
  auto text = fmt::format("The server that had started it is gone, and it could not be adopted: {}",
                          as_sentence(reason));
  log_warning("Kernel {} ({}) is ended. {}", kernel->kernel_id(), kernel->kernel_spec().name, text);
  tasks_.spawn("end kernel " + kernel->kernel_id(),
               end_kernel(kernel, {.action = KernelAction::orphan_ended, .reason = std::move(text)}));
}

Task<void> MultiKernelManager::end_kernel(std::shared_ptr<KernelManager> kernel, ShutdownCause cause) {
  co_await kernel->shutdown_kernel({options_.shutdown_wait_time}, std::move(cause));
}

}  // namespace nextgen_kernels
