#pragma once

#include <chrono>
#include <string>

namespace nextgen_kernels {

using Timestamp = std::chrono::system_clock::time_point;

/// `YYYY-MM-DDTHH:MM:SS.ffffffZ`, always with six digits: Jupyter Server's gateway client parses exactly
/// this.
std::string format_timestamp(Timestamp time);

}  // namespace nextgen_kernels
