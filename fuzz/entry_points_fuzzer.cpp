#include "base/strings.h"
#include "discovery/entry_points_file.h"
#include "fuzzing.h"

using namespace nextgen_kernels;

namespace {

bool is_clean(std::string_view text) {
  return text.find('\n') == std::string_view::npos && text.find('\0') == std::string_view::npos &&
         replace_invalid_utf8(text) == text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = parse_entry_points(as_text(data, size), "package 1.0", "/entry_points.txt");
  for (const auto* group : {&file.provisioners, &file.clients}) {
    for (const auto& entry_point : *group) {
      require(!entry_point.name.empty() && !entry_point.value.empty());
      require(is_clean(entry_point.name) && is_clean(entry_point.value));
      require(entry_point.name.find('=') == std::string::npos);
    }
  }
  for (const auto& problem : file.problems) require(is_clean(problem) && problem.size() < 1000);
  return 0;
}
