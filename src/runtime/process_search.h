#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/process_identity.h"

namespace nextgen_kernels {

/// A process that was started with a variable in its environment; what it started has the variable, too.
struct MarkedProcess {
  ProcessIdentity identity;
  std::string value;  ///< Of the variable.
  bool leads_session = false;
};

/// The processes of this machine (of this pid namespace) that were started with this variable, as far as this
/// user may look at them. Looks at every process; blocks for some microseconds for each.
std::vector<MarkedProcess> find_marked_processes(std::string_view variable);

}  // namespace nextgen_kernels
