#include "registry/entry_point.h"

#include <fmt/format.h>

namespace nextgen_kernels {

std::string EntryPoint::describe_source() const {
  const auto owner = distribution.empty() ? std::string("an unnamed distribution") : distribution;
  return path.empty() ? fmt::format("entry point of {}", owner)
                      : fmt::format("entry point of {} ({})", owner, path);
}

}  // namespace nextgen_kernels
