#include "kernels/kernel_pool.h"

#include <algorithm>
#include <iterator>

#include "base/log.h"
#include "kernels/descriptor_check.h"

namespace nextgen_kernels {
namespace {

constexpr std::size_t largest_pool = 1000;
constexpr ShutdownPatience discard_patience{std::chrono::seconds(5)};

/// The size of the pool that a kernel spec asks for.
std::size_t own_pool_size(const KernelSpec& spec) {
  const auto own = spec.metadata.find("pool");
  if (own == spec.metadata.end() || !own->is_number_unsigned()) return 0;
  return std::min(own->get<std::size_t>(), largest_pool);
}

bool is_same(const KernelSpec& a, const KernelSpec& b) {
  return a.resource_dir == b.resource_dir && a.to_json() == b.to_json();
}

bool is_ready(const std::shared_ptr<KernelManager>& kernel) {
  return kernel->execution_state() == ExecutionState::idle && !kernel->silent_since();
}

/// A kernel that is stopped or hangs is nothing to hand out, and nobody's work is in it.
bool is_lost(const std::shared_ptr<KernelManager>& kernel) {
  return kernel->execution_state() == ExecutionState::dead || kernel->silent_since();
}

}  // namespace

KernelPool::KernelPool(Executor executor, KernelSpecManager& specs, BlockingPool& files,
                       MakeKernel make_kernel, Options options)
    : executor_(executor),
      specs_(specs),
      files_(files),
      make_kernel_(std::move(make_kernel)),
      options_(std::move(options)),
      changed_(executor),
      fillers_(executor),
      endings_(executor) {}

KernelPool::~KernelPool() = default;

void KernelPool::start() {
  for (const auto& [name, size] : options_.sizes) keep(name, size);
}

void KernelPool::keep(const std::string& name, std::size_t size) {
  if (size == 0 || stopping_ || pools_.contains(name)) return;
  pools_[name].size = std::min(size, largest_pool);
  fillers_.spawn("keep a pool of " + name, keep_full(name));
}

std::shared_ptr<KernelManager> KernelPool::take(const KernelLaunch& launch) {
  const auto& spec = launch.spec;
  if (!options_.sizes.contains(spec.name)) keep(spec.name, own_pool_size(spec));
  const auto found = pools_.find(spec.name);
  if (found == pools_.end()) return nullptr;
  auto& kernels = found->second.kernels;
  while (true) {
    const auto ready = std::ranges::find_if(kernels, is_ready);
    if (ready == kernels.end()) return nullptr;
    const auto kernel = *ready;
    const bool same = is_same(kernel->kernel_spec(), spec);
    if (const auto obstacle = kernel->plan_move(launch.environment, launch.working_directory).obstacle;
        same && !obstacle.empty()) {
      log_info("No kernel of the pool of {} can be used: {}", spec.name, obstacle);
      return nullptr;
    }
    kernels.erase(ready);
    changed_.notify_all();
    kernel->on_event = nullptr;
    if (same) return kernel;
    log_info("Kernel spec {} has changed: a kernel of its pool is ended", spec.name);
    discard(kernel);
  }
}

std::size_t KernelPool::ready_count(const std::string& name) const {
  const auto pool = pools_.find(name);
  if (pool == pools_.end()) return 0;
  return static_cast<std::size_t>(std::ranges::count_if(pool->second.kernels, is_ready));
}

std::map<std::string, std::size_t> KernelPool::sizes() const {
  std::map<std::string, std::size_t> sizes;
  for (const auto& [name, pool] : pools_) sizes.emplace(name, pool.size);
  return sizes;
}

Task<void> KernelPool::keep_full(std::string name) {
  auto pause = options_.first_pause;
  auto& pool = pools_.at(name);
  while (true) {
    bool failed = discard_lost(pool);
    if (!failed && pool.kernels.size() >= pool.size) {
      co_await changed_.wait();
      continue;
    }
    if (!failed) failed = !co_await add_kernel(name);
    if (!failed) {
      pause = options_.first_pause;
      continue;
    }
    co_await sleep_for(pause);
    pause = std::min(pause * 2, options_.longest_pause);
  }
}

Task<bool> KernelPool::add_kernel(std::string name) {
  auto spec = co_await files_.run([this, name] { return specs_.get_kernel_spec(name); });
  if (!spec) {
    log_warning("The pool of {} cannot be filled: {}", name, spec.error().message);
    co_return false;
  }
  if (const auto enough = check_descriptors_for_kernel(0); !enough) {
    log_warning("The pool of {} cannot be filled: {}", name, enough.error().message);
    co_return false;
  }
  const auto kernel = make_kernel_(std::move(*spec));
  kernel->on_event = [this](const KernelEvent& event) {
    if (event.action == KernelAction::died || event.action == KernelAction::unresponsive)
      changed_.notify_all();
  };
  auto started = co_await kernel->start_kernel();
  if (started) {
    pools_.at(name).kernels.push_back(kernel);
    started = co_await kernel->wait_until_ready();
  }
  if (!started) log_warning("The pool of {} cannot be filled: {}", name, started.error().message);
  co_return started.has_value();
}

bool KernelPool::discard_lost(Pool& pool) {
  const auto kernels = pool.kernels;
  std::erase_if(pool.kernels, is_lost);
  for (const auto& kernel : kernels)
    if (is_lost(kernel)) discard(kernel);
  return pool.kernels.size() < kernels.size();
}

void KernelPool::discard(std::shared_ptr<KernelManager> kernel) {
  kernel->on_event = nullptr;
  const auto name = "end kernel " + kernel->kernel_id();
  endings_.spawn(name, end_kernel(std::move(kernel), discard_patience));
}

Task<void> KernelPool::end_kernel(std::shared_ptr<KernelManager> kernel, ShutdownPatience patience) {
  co_await kernel->shutdown_kernel(patience);
}

Task<void> KernelPool::stop(ShutdownPatience patience) {
  stopping_ = true;
  fillers_.cancel();
  co_await fillers_.join();
  for (const auto& kernel : list_kernels())
    endings_.spawn("end kernel " + kernel->kernel_id(), end_kernel(kernel, patience));
  co_await endings_.join();
  pools_.clear();
}

void KernelPool::kill_all() {
  for (const auto& kernel : list_kernels())
    endings_.spawn("kill kernel " + kernel->kernel_id(), kernel->kill_process());
}

std::vector<std::shared_ptr<KernelManager>> KernelPool::list_kernels() const {
  std::vector<std::shared_ptr<KernelManager>> kernels;
  for (const auto& [name, pool] : pools_) std::ranges::copy(pool.kernels, std::back_inserter(kernels));
  return kernels;
}

}  // namespace nextgen_kernels
