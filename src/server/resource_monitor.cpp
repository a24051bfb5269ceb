#include "server/resource_monitor.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace nextgen_kernels {
namespace {

using std::chrono::steady_clock;

/// The kernel's process, when it is one of this machine. Of one that has ended the id may be another's.
std::optional<pid_t> pid_of(const KernelManager& kernel) {
  if (!kernel.has_process()) return std::nullopt;
  const auto info = kernel.provisioner_info();
  const auto pid = info.find("pid");
  if (pid == info.end() || !pid->is_number_integer()) return std::nullopt;
  return pid->get<pid_t>();
}

}  // namespace

/// Held while processes are looked at, also when who asked for it goes away.
class ResourceMonitor::Sampling {
 public:
  explicit Sampling(ResourceMonitor& monitor) : monitor_(monitor) { monitor_.sampling_ = true; }
  Sampling(const Sampling&) = delete;
  Sampling& operator=(const Sampling&) = delete;
  ~Sampling() {
    monitor_.sampling_ = false;
    monitor_.sampled_.notify_all();
  }

 private:
  ResourceMonitor& monitor_;
};

Task<void> ResourceMonitor::refresh() {
  while (!is_fresh()) {
    if (sampling_) {
      co_await sampled_.wait();
      continue;
    }
    const auto pids = pids_of_kernels();
    const Sampling sampling(*this);
    auto usages = co_await pool_.run([pids] { return measure_process_trees(pids); });
    Sample sample{.at = steady_clock::now(), .pids = pids, .usages = std::move(usages)};
    // A look for the sake of a new kernel says nothing of the time between two.
    if (last_ && sample.at - last_->at > sample_interval) previous_ = std::move(last_);
    last_ = std::move(sample);
  }
}

std::vector<pid_t> ResourceMonitor::pids_of_kernels() const {
  std::vector<pid_t> pids;
  for (const auto& kernel : kernels_.list_kernels())
    if (const auto pid = pid_of(*kernel)) pids.push_back(*pid);
  return pids;
}

bool ResourceMonitor::is_fresh() const {
  return last_ && steady_clock::now() - last_->at <= sample_interval &&
         std::ranges::all_of(pids_of_kernels(), [this](pid_t pid) {
           return std::ranges::find(last_->pids, pid) != last_->pids.end();
         });
}

std::optional<ResourceMonitor::Look> ResourceMonitor::look_of(const std::optional<Sample>& sample,
                                                              pid_t pid) {
  if (!sample) return std::nullopt;
  const auto found = sample->usages.find(pid);
  if (found == sample->usages.end()) return std::nullopt;
  return Look{.pid = pid, .at = sample->at, .usage = found->second};
}

std::optional<ResourceMonitor::Look> ResourceMonitor::look_at(const KernelManager& kernel) const {
  const auto pid = pid_of(kernel);
  return pid ? look_of(last_, *pid) : std::nullopt;
}

std::optional<nlohmann::json> ResourceMonitor::usage_of(const KernelManager& kernel) const {
  const auto look = look_at(kernel);
  if (!look) return std::nullopt;
  return usage_between(look_of(previous_, look->pid), *look);
}

nlohmann::json ResourceMonitor::usage_between(const std::optional<Look>& earlier, const Look& look) {
  nlohmann::json model = {{"cpu_percent", nullptr},
                          {"cpu_seconds", look.usage.cpu_seconds},
                          {"memory_bytes", look.usage.memory_bytes},
                          {"processes", look.usage.processes},
                          {"threads", look.usage.threads}};
  if (!earlier || earlier->pid != look.pid || earlier->at >= look.at) return model;
  const std::chrono::duration<double> passed = look.at - earlier->at;
  const auto used = look.usage.cpu_seconds - earlier->usage.cpu_seconds;
  // Less than before when a child has ended.
  model["cpu_percent"] = std::round(std::max(0.0, used / passed.count()) * 1000) / 10;
  return model;
}

}  // namespace nextgen_kernels
