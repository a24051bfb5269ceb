#include <string>

#include "fuzzing.h"
#include "kernels/kernel_record.h"

using namespace nextgen_kernels;

// What is read of the state of another server is written as it was read.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto record = KernelRecord::parse(as_text(data, size));
  if (!record) return 0;
  const auto again = KernelRecord::parse(record->to_json());
  require(again && again->to_json() == record->to_json());
  return 0;
}
