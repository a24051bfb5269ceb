#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "kernels/kernel_manager.h"

namespace nextgen_kernels {

/// When kernels that nobody uses are ended; the names are upstream's traits of `MappingKernelManager`.
struct CullingOptions {
  std::chrono::milliseconds cull_idle_timeout{0};  ///< Zero: never, unless a kernel spec says otherwise.
  std::chrono::milliseconds cull_interval = std::chrono::minutes(5);
  bool cull_connected = false;
  bool cull_busy = false;
};

/// What culling looks at.
struct KernelUse {
  ExecutionState state = ExecutionState::starting;
  std::chrono::steady_clock::duration idle = {};
  int users = 0;  ///< Open connections of clients that may run something.
};

/// The idle time after which a kernel of this spec may be culled: its `metadata.cull_idle_timeout` (seconds),
/// or else the option. Nothing: never.
std::optional<std::chrono::milliseconds> cull_timeout(const KernelSpec& spec, const CullingOptions& options);

/// Why the kernel is to be culled now, a sentence for its listeners; or nothing.
std::optional<std::string> reason_to_cull(const KernelUse& use, std::chrono::milliseconds timeout,
                                          const CullingOptions& options);

}  // namespace nextgen_kernels
