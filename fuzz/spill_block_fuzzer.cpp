#include <algorithm>
#include <memory>
#include <string>

#include "fuzzing.h"
#include "journal/spill_block.h"

using namespace nextgen_kernels;

// A block that is understood is, byte for byte, what its entries are written as.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::make_shared<char[]>(size);
  std::copy_n(data, size, bytes.get());
  const auto entries = SpillBlock::parse(bytes, size, 1);
  if (!entries) return 0;
  auto block = SpillBlock::encode_table(*entries);
  for (const auto& entry : *entries) block += entry.message->v1_frame();
  require(block == as_text(data, size));
  return 0;
}
