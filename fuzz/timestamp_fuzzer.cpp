#include <chrono>

#include "base/timestamp.h"
#include "fuzzing.h"

using namespace nextgen_kernels;

// A time that is read is written, and read again, as the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto time = parse_timestamp(as_text(data, size));
  if (!time) return 0;
  const auto microseconds = std::chrono::floor<std::chrono::microseconds>(*time);
  if (microseconds.time_since_epoch().count() < 0) return 0;  // Written with a sign, which nobody reads.
  require(parse_timestamp(format_timestamp(microseconds)) == microseconds);
  return 0;
}
