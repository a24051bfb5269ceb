// How `KernelManager` waits for a launch, and gives one up.
#include <utility>

#include <boost/asio/experimental/awaitable_operators.hpp>

#include "base/log.h"
#include "kernels/kernel_manager.h"
#include "runtime/attempt.h"

namespace nextgen_kernels {
namespace {

using namespace boost::asio::experimental::awaitable_operators;
using std::chrono::steady_clock;

/// Keeps the provisioner, which may answer after nobody waits for it any more.
Task<Result<ConnectionInfo>> launch_with(std::shared_ptr<KernelProvisioner> provisioner,
                                         LaunchRequest request) {
  co_return co_await provisioner->launch_kernel(std::move(request));
}

using PrepareClasses = std::function<Task<void>(KernelSpec)>;

Task<Result<void>> prepare_with(PrepareClasses prepare, KernelSpec spec) {
  co_await prepare(std::move(spec));
  co_return Result<void>{};
}

Task<void> end_launch(std::shared_ptr<KernelProvisioner> provisioner) {
  if (const auto killed = co_await provisioner->kill(ShutdownPurpose::end); !killed)
    log_warning("{}", killed.error().message);
  co_await provisioner->cleanup(ShutdownPurpose::end);
}

}  // namespace

/// Ends without a result when the time of a launch has passed, or when a shutdown is asked for: one that was
/// asked for before does not wait so long.
template <typename T>
Task<std::optional<Result<T>>> KernelManager::in_launch_time(std::string name, Task<Result<T>> task) {
  const auto attempt = std::make_shared<Attempt<Result<T>>>(executor_, std::move(name), std::move(task));
  give_up_launch_ = [weak = std::weak_ptr(attempt)] {
    if (const auto alive = weak.lock()) alive->give_up();
  };
  const auto patience = shutdown_is_asked_ ? options_.shutdown_wait_time : answer_timeout();
  auto result = co_await attempt->wait_until(steady_clock::now() + patience);
  give_up_launch_ = nullptr;
  co_return result;
}

std::unexpected<Error> KernelManager::no_answer(std::string_view what) const {
  if (shutdown_is_asked_)
    return make_error(ErrorCode::unavailable, "Kernel {} was shut down while it was launched", kernel_id());
  return make_error(ErrorCode::timeout,
                    "{} was not answered within {:g} s (MappingKernelManager.kernel_info_timeout, or "
                    "KERNEL_LAUNCH_TIMEOUT of the kernel)",
                    what, std::chrono::duration<double>(answer_timeout()).count());
}

Task<Result<void>> KernelManager::prepare_classes() {
  if (!factories_.prepare) co_return Result<void>{};
  const auto what = fmt::format("Loading the classes of kernel spec {}", launch_.spec.name);
  auto prepared = co_await in_launch_time<void>(what, prepare_with(factories_.prepare, launch_.spec));
  if (!prepared) co_return no_answer(what);
  co_return *std::move(prepared);
}

Result<void> KernelManager::make_provisioner() {
  auto provisioner = factories_.make_provisioner(launch_.spec, executor_);
  if (!provisioner) return std::unexpected(provisioner.error());
  provisioner_ = std::move(*provisioner);
  return {};
}

Task<Result<ConnectionInfo>> KernelManager::launch_process(LaunchRequest request) {
  co_await end_abandoned_launch();
  if (std::exchange(needs_new_provisioner_, false)) {
    if (auto made = make_provisioner(); !made) co_return std::unexpected(made.error());
  }
  abandoned_ = provisioner_;  // Also when this is cancelled while it waits.
  const auto what = fmt::format("launch_kernel of {}", provisioner_->class_reference());
  auto info = co_await in_launch_time<ConnectionInfo>(what, launch_with(provisioner_, std::move(request)));
  if (!info) {
    co_await end_abandoned_launch();
    co_return no_answer(what);
  }
  abandoned_ = nullptr;
  co_return *std::move(info);
}

/// Nobody knows what a provisioner that did not answer has launched, or will: it is told to kill that, and
/// not used again.
Task<void> KernelManager::end_abandoned_launch() {
  const auto provisioner = std::exchange(abandoned_, nullptr);
  if (provisioner == nullptr) co_return;
  needs_new_provisioner_ = true;
  log_warning("Kernel {}: a launch by {} is given up", kernel_id(), provisioner->class_reference());
  co_await (end_launch(provisioner) || sleep_for(options_.shutdown_wait_time));
}

}  // namespace nextgen_kernels
