#include "kernels/culling.h"

#include <cmath>

namespace nextgen_kernels {

using std::chrono::milliseconds;

std::optional<milliseconds> cull_timeout(const KernelSpec& spec, const CullingOptions& options) {
  constexpr double longest_seconds = 1e9;
  auto timeout = options.cull_idle_timeout;
  const auto own = spec.metadata.find("cull_idle_timeout");
  if (own != spec.metadata.end() && own->is_number()) {
    const auto seconds = own->get<double>();
    if (seconds >= 0 && seconds <= longest_seconds) timeout = milliseconds(std::llround(seconds * 1000));
  }
  if (timeout <= milliseconds::zero()) return std::nullopt;
  return timeout;
}

std::optional<std::string> reason_to_cull(const KernelUse& use, milliseconds timeout,
                                          const CullingOptions& options) {
  if (use.state == ExecutionState::dead) return "It was dead, and kernels that nobody uses are culled.";
  if (use.state == ExecutionState::starting || use.state == ExecutionState::restarting) return std::nullopt;
  if (use.idle <= timeout) return std::nullopt;
  if (use.state == ExecutionState::busy && !options.cull_busy) return std::nullopt;
  if (use.users > 0 && !options.cull_connected) return std::nullopt;
  return fmt::format("It was culled after {} s without activity (MappingKernelManager.cull_idle_timeout).",
                     std::chrono::duration_cast<std::chrono::seconds>(use.idle).count());
}

}  // namespace nextgen_kernels
