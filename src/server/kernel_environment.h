#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace nextgen_kernels {

/// Which environment variables clients may set for their kernels, besides `KERNEL_*`.
struct KernelEnvironmentRules {
  /// Names; `*` stands for every one but those that decide what program is run or what it loads (`PATH`,
  /// `PYTHONPATH`, `PYTHONHOME`, `LD_*`, …) and those with other characters than letters, digits and `_`,
  /// which must be named.
  std::vector<std::string> client_envs = {"*"};
};

/// The member `env` of a request's body: an object of strings, what a client wants in its kernel's
/// environment. Variables that the rules do not allow are left out, with a warning in the log.
/// `invalid_argument` for names and values that no environment can hold, for more than is sensible, and for
/// `KERNEL_*` variables with a meaning whose values have none; an empty one counts as not set. Values appear
/// in no message.
Result<std::map<std::string, std::string>> environment_field(const nlohmann::json& object,
                                                             const KernelEnvironmentRules& rules = {});

}  // namespace nextgen_kernels
