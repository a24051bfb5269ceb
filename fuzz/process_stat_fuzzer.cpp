#include <string>

#include "fuzzing.h"
#include "runtime/process_usage.h"

using namespace nextgen_kernels;

// What is read of a process stands in the text.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = as_text(data, size);
  const auto stat = parse_process_stat(text);
  if (!stat) return 0;
  const auto digits = std::to_string(std::abs(std::int64_t{stat->parent}));  // Of "-07", too.
  require(text.find(digits) != std::string_view::npos);
  require(text.rfind(") ") != std::string_view::npos);
  return 0;
}
