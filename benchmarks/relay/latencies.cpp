#include "latencies.h"

#include <algorithm>

#include <fmt/format.h>

namespace nextgen_kernels::benchmarks {

double microseconds(Clock::duration duration) {
  return std::chrono::duration<double, std::micro>(duration).count();
}

double seconds(Clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

std::string latency_report(std::vector<Clock::duration> latencies) {
  std::ranges::sort(latencies);
  const auto percentile = [&](std::size_t percent) {
    return microseconds(latencies[(latencies.size() - 1) * percent / 100]);
  };
  return fmt::format(R"({{"count": {}, "p50_us": {:.1f}, "p99_us": {:.1f}}})", latencies.size(),
                     percentile(50), percentile(99));
}

}  // namespace nextgen_kernels::benchmarks
