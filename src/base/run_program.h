#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/error.h"

namespace nextgen_kernels {

/// How a program that was run to its end went.
struct ProgramRun {
  std::string output;      ///< What it wrote to standard output, at most 1 MiB.
  std::string errors;      ///< The same of standard error.
  int wait_status = 0;     ///< As `waitpid` tells it.
  bool timed_out = false;  ///< It was killed, because it took too long.

  /// It ended by itself, with status 0.
  bool succeeded() const;
  /// "exited with status 3", "was killed by signal 6 (Aborted)".
  std::string describe_end() const;
};

/// Runs a program, without a shell, in `/` and with this process's environment. `arguments` begin with its
/// path. Blocks until it ends; after `timeout` it is killed. What it started and left in its process group is
/// killed in either case. Fails when it could not be run.
Result<ProgramRun> run_program(const std::vector<std::string>& arguments, std::chrono::milliseconds timeout);

}  // namespace nextgen_kernels
