#include <exception>

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "app/command.h"
#include "base/log.h"
#include "discovery/library_trial.h"
#include "discovery/plugin_abi_version.h"
#include "discovery/plugin_library.h"
#include "plugins/plugin_host.h"

namespace nextgen_kernels {

/// Loads a library as the server would, says that this process is still there, and ends without running
/// anything else of the library.
ExitCode run_try_plugin_library(const CommandInvocation& invocation) {
  if (invocation.arguments.size() != 1)
    return report_failure({ErrorCode::invalid_argument, "Give one LIBRARY, the file of a plugin"});
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const rlimit no_core_dump{.rlim_cur = 0, .rlim_max = 0};
  ::setrlimit(RLIMIT_CORE, &no_core_dump);
  // What the library prints is a complaint; the output is for the answer alone.
  const int answer = ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
  if (answer < 0 || ::dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
    return report_failure({ErrorCode::io, "The standard output cannot be used"});
  set_log_sinks({});
  PluginManifest manifest;
  manifest.package = "on-trial";
  manifest.version = "0";
  manifest.abi = plugin_abi_version;
  manifest.library = invocation.arguments.front();
  // Whether there is anything of use in it is for the server to say.
  try {
    static_cast<void>(PluginLibrary::load(manifest, plugin_host()));
  } catch (const std::exception& exception) {
    fmt::print(stderr, "an initializer threw an exception: {}\n", exception.what());
    ::_exit(static_cast<int>(ExitCode::failure));
  }
  constexpr auto text = LibraryTrial::survived;
  const bool is_told = ::write(answer, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  ::_exit(static_cast<int>(is_told ? ExitCode::success : ExitCode::failure));
}

}  // namespace nextgen_kernels
