#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/error.h"
#include "runtime/output_pipe.h"
#include "runtime/process_family.h"
#include "runtime/process_identity.h"
#include "runtime/task.h"

namespace nextgen_kernels {

/// How a process ended.
struct ExitStatus {
  int exit_code = 0;  ///< Meaningful when `signal` is 0.
  int signal = 0;     ///< The signal that killed it, or 0.
  /// False: nobody but its parent, another process, could know the others.
  bool known = true;

  /// The signal that killed the process or, as far as its status tells, the one that it ran: a shell then
  /// exits with 128 and the signal's number. Or 0.
  int fatal_signal() const;

  /// "exited with status 3", "was killed by signal 9 (Killed)", "exited with status 137, as for signal 9
  /// (Killed)".
  std::string describe() const;
};

/// What to run. The environment is complete: nothing is inherited.
struct ProcessDescription {
  std::vector<std::string> argv;  ///< argv[0] is looked up in the PATH of `environment`.
  std::map<std::string, std::string> environment;
  std::filesystem::path working_directory;  ///< Empty: ours.
  ChildLifetime lifetime = ChildLifetime::ours;
  /// The entry of `environment`, "NAME=VALUE", that nothing but this child and its family has.
  std::string family_mark = {};
};

/// What `ChildProcess::attach` needs of a process.
struct ProcessRecord {
  ProcessIdentity process;
  std::uint64_t output_pipe = 0;
  std::string family_mark = {};
  FamilyRecord family = {};
};

/// A child in its own session and process group, with its standard output and error captured (the last 8 KiB
/// are kept) and its end told by pidfd. When it ends, what it left behind in its group and in its family is
/// killed, and only then does it count as ended. Belongs to one executor. Destroying it kills the same.
///
/// It may also be the child of a process that is gone (`attach`); how such a one ends is not known.
class ChildProcess {
 public:
  static constexpr std::size_t output_limit = 8 * 1024;

  /// Fails with words for a person when the executable is not found or cannot be run.
  static Result<std::unique_ptr<ChildProcess>> launch(const Executor& executor,
                                                      ProcessDescription description);

  /// Takes over a process that leads its session and group, with the pipe that its output goes through.
  /// `not_found` when it has ended, whoever has its id now.
  static Result<std::unique_ptr<ChildProcess>> attach(const Executor& executor, ProcessRecord record);

  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess();

  pid_t pid() const;
  /// What `attach` needs.
  ProcessIdentity identity() const;
  std::uint64_t output_pipe() const;
  const FamilyRecord& family() const;

  /// The program serves now, at this address. What it starts from now on in sessions of its own is not of its
  /// family.
  void settle(const ListenAddress& address);

  /// Ends when the process has, and its captured output is complete as far as it was written by then.
  Task<ExitStatus> wait();

  /// How it ended, or nothing while it runs.
  std::optional<ExitStatus> exit_status() const;

  /// Sends a signal to the process group; one that ends programs, to those of the family too. Other signals
  /// go to the group of the member that serves, if that has left the session of this child: they are meant
  /// for it, and a wrapper would end of them. No error when it is gone already.
  Result<void> send_signal(int signal_number);

  /// The last bytes it wrote to standard output and standard error, in the order of arrival, as valid UTF-8.
  std::string output_tail() const;

 private:
  struct State;
  explicit ChildProcess(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

/// The file that a process is started from. Fails, with words for a person, when there is none.
Result<std::filesystem::path> find_executable(const ProcessDescription& description);

/// The file that `execvp` would run for `name` in `path_variable`; nothing when there is none.
std::optional<std::filesystem::path> find_executable(const std::string& name, std::string_view path_variable);

}  // namespace nextgen_kernels
