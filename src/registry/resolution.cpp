#include "registry/resolution.h"

namespace nextgen_kernels {

std::string_view to_string(MatchedBy matched_by) {
  switch (matched_by) {
    case MatchedBy::exact:
      return "exact";
    case MatchedBy::base:
      return "base";
    case MatchedBy::fallback:
      return "fallback";
    case MatchedBy::none:
      return "none";
  }
  return "none";
}

}  // namespace nextgen_kernels
