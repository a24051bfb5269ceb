#include "kernels/restart_policy.h"

#include <algorithm>

namespace nextgen_kernels {
namespace {

// The first restart is immediate; a kernel that goes on dying must not take the machine with it.
constexpr auto first_backoff = std::chrono::milliseconds(200);
constexpr auto longest_backoff = std::chrono::seconds(10);
constexpr int most_doublings = 10;

}  // namespace

std::optional<RestartPolicy::Duration> RestartPolicy::on_death(Duration lived) {
  deaths_ = lived > options_.stable_start_time ? 1 : deaths_ + 1;
  if (!options_.autorestart || deaths_ > options_.restart_limit) return std::nullopt;
  if (deaths_ == 1) return Duration::zero();
  const Duration backoff = first_backoff * (1 << std::min(deaths_ - 2, most_doublings));
  return std::min<Duration>(backoff, longest_backoff);
}

}  // namespace nextgen_kernels
