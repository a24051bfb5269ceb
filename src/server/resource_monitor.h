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

  /// Of the last sample: `cpu_percent` (null before there is a second one), `cpu_seconds`, `memory_bytes`,
  /// `processes`, `threads`. Nothing for kernels whose processes are not on this machine.
  std::optional<nlohmann::json> usage_of(const KernelManager& kernel) const;

 private:
  class Sampling;

  std::vector<pid_t> pids_of_kernels() const;
  bool is_fresh() const;

  struct Sample {
    std::chrono::steady_clock::time_point at;
    std::vector<pid_t> pids;  ///< Of the kernels there were; some may have ended.
    std::map<pid_t, ProcessUsage> usages;
  };

  MultiKernelManager& kernels_;
  BlockingPool& pool_;
  std::optional<Sample> last_;
  std::optional<Sample> previous_;
  bool sampling_ = false;
  Event sampled_;
};

}  // namespace nextgen_kernels
