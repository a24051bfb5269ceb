#include "discovery/client_mapping_json.h"
#include "fuzzing.h"

using namespace nextgen_kernels;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::string> objects;
  for (const auto piece : split_input(as_text(data, size))) objects.emplace_back(piece);
  const auto parsed = parse_client_mappings(objects, "Class.trait");
  if (!parsed) {
    require(parsed.error().message.starts_with("Class.trait["));
    return 0;
  }
  require(parsed->size() == objects.size());
  for (const auto& mapping : *parsed) {
    const auto& criteria = mapping.options.criteria;
    require(criteria.empty() == (criteria.describe() == "every kernel"));
    require(criteria.overlaps(criteria));
  }
  return 0;
}
