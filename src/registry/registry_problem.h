#pragma once

#include <string>

namespace nextgen_kernels {

/// Something an operator should look at; a row of `doctor`.
struct RegistryProblem {
  std::string subject;  ///< The class reference, entry point or configuration key it is about.
  std::string source;   ///< Who brought it, in words; may be empty.
  std::string message;
};

}  // namespace nextgen_kernels
