#include "legacy_round_trip.h"

using namespace nextgen_kernels;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto decoded = decode_legacy_binary(std::string(as_text(data, size)));
  if (decoded) require_legacy_round_trip(*decoded);
  return 0;
}
