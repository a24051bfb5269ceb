#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nextgen_kernels {

using Timestamp = std::chrono::system_clock::time_point;

/// `YYYY-MM-DDTHH:MM:SS.ffffffZ`, always with six digits: Jupyter Server's gateway client parses exactly
/// this.
std::string format_timestamp(Timestamp time);

/// Reads `YYYY-MM-DDTHH:MM:SS`, with or without up to nine digits of a fraction, of UTC (`Z` or `+00:00`,
/// which may be missing). Nothing for anything else.
std::optional<Timestamp> parse_timestamp(std::string_view text);

/// Since 1970, as files keep it; and back.
std::int64_t microseconds_of(Timestamp time);
Timestamp timestamp_of(std::int64_t microseconds);

}  // namespace nextgen_kernels
