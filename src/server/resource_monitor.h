#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "kernels/multi_kernel_manager.h"
#include "runtime/blocking_pool.h"
#include "runtime/event.h"
#include "runtime/process_usage.h"

namespace nextgen_kernels {

/// What the processes of kernels use. Looks when somebody asks, at all kernels at once and at most once in
/// `sample_interval`; does nothing while nobody asks. Owned by the server; on its executor.
class ResourceMonitor {
 public:
  static constexpr auto sample_interval = std::chrono::seconds(1);

  ResourceMonitor(Executor executor, MultiKernelManager& kernels, BlockingPool& pool)
      : kernels_(kernels), pool_(pool), sampled_(std::move(executor)) {}

  /// Ends when there is a sample that is not older than `sample_interval` and knows of all kernels.
  Task<void> refresh();

  /// What a kernel's processes had used at some time.
  struct Look {
    pid_t pid = 0;
    std::chrono::steady_clock::time_point at;
    ProcessUsage usage;
  };

  /// At the last sample. Nothing for kernels whose processes are not on this machine.
  std::optional<Look> look_at(const KernelManager& kernel) const;

  /// Of the last sample: `cpu_percent` (between anybody's last two; null before there is a second one),
  /// `cpu_seconds`, `memory_bytes`, `processes`, `threads`. Nothing for kernels that `look_at` knows nothing
  /// of.
  std::optional<nlohmann::json> usage_of(const KernelManager& kernel) const;

  /// The same, with `cpu_percent` from one look to another; null when there is no earlier one.
  static nlohmann::json usage_between(const std::optional<Look>& earlier, const Look& look);

 private:
  class Sampling;

  std::vector<pid_t> pids_of_kernels() const;
  bool is_fresh() const;

  struct Sample {
    std::chrono::steady_clock::time_point at;
    std::vector<pid_t> pids;  ///< Of the kernels there were; some may have ended.
    std::map<pid_t, ProcessUsage> usages;
  };

  static std::optional<Look> look_of(const std::optional<Sample>& sample, pid_t pid);

  MultiKernelManager& kernels_;
  BlockingPool& pool_;
  std::optional<Sample> last_;
  std::optional<Sample> previous_;
  bool sampling_ = false;
  Event sampled_;
};

}  // namespace nextgen_kernels
