#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "kernelspecs/kernel_spec.h"

namespace nextgen_kernels {

/// The environment and the directory of a kernel process.
struct LaunchPlace {
  std::map<std::string, std::string> environment;  ///< Complete, with what the kernel spec adds.
  std::filesystem::path working_directory;
};

/// Whether a kernel that was started in one place can serve as if it had been started in another, and what
/// must be done for that.
struct LaunchChange {
  /// Why not; empty when it can.
  std::string obstacle = {};
  /// Code that a kernel of the spec's language runs to make it so; empty when nothing is to be done.
  std::string code = {};
};

/// What would have to change in a kernel of `spec` that runs. Python kernels can take over variables and the
/// directory, except for variables that an interpreter or the system reads only when the process starts;
/// kernels of other languages only what they have already.
LaunchChange plan_launch_change(const KernelSpec& spec, const LaunchPlace& from, const LaunchPlace& to);

}  // namespace nextgen_kernels
