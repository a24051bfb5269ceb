#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace nextgen_kernels::benchmarks {

using Clock = std::chrono::steady_clock;

double microseconds(Clock::duration duration);
double seconds(Clock::duration duration);

/// `{"count": …, "p50_us": …, "p99_us": …}` of at least one latency.
std::string latency_report(std::vector<Clock::duration> latencies);

}  // namespace nextgen_kernels::benchmarks
