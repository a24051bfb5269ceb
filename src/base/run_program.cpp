#include "base/run_program.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file_descriptor.h"

namespace nextgen_kernels {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t max_output = 1024 * 1024;

struct Pipe {
  FileDescriptor read_end;
  FileDescriptor write_end;
};

Result<Pipe> open_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return make_errno_error("open", "a pipe", errno);
  Pipe pipe{FileDescriptor(ends[0]), FileDescriptor(ends[1])};
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  return pipe;
}

struct SpawnActions {
  SpawnActions() { ::posix_spawn_file_actions_init(&value); }
  ~SpawnActions() { ::posix_spawn_file_actions_destroy(&value); }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;
  posix_spawn_file_actions_t value;
};

struct SpawnAttributes {
  SpawnAttributes() { ::posix_spawnattr_init(&value); }
  ~SpawnAttributes() { ::posix_spawnattr_destroy(&value); }
  SpawnAttributes(const SpawnAttributes&) = delete;
  SpawnAttributes& operator=(const SpawnAttributes&) = delete;
  posix_spawnattr_t value;
};

/// glibc 2.36 declares pidfd_open without C linkage, so it cannot be called from C++.
int open_pidfd(pid_t pid) {
  return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
}

/// A child in a process group of its own; destroying it kills what is left of the group and collects the
/// child.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid), pidfd_(open_pidfd(pid)) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() { finish(); }
  /// Readable when the child has ended.
  int pidfd() const { return pidfd_.get(); }
  /// Kills the group, if any of it still runs, and returns the child's wait status.
  int finish() {
    if (pid_ <= 0) return status_;
    ::kill(-pid_, SIGKILL);
    while (::waitpid(pid_, &status_, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return status_;
  }

 private:
  pid_t pid_;
  FileDescriptor pidfd_;
  int status_ = 0;
};

Result<pid_t> spawn(const std::vector<std::string>& arguments, const Pipe& output, const Pipe& errors) {
  SpawnActions actions;
  ::posix_spawn_file_actions_addopen(&actions.value, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions.value, output.write_end.get(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions.value, errors.write_end.get(), STDERR_FILENO);
  ::posix_spawn_file_actions_addchdir_np(&actions.value, "/");

  SpawnAttributes attributes;
  sigset_t none;
  sigset_t all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  ::posix_spawnattr_setsigmask(&attributes.value, &none);
  ::posix_spawnattr_setsigdefault(&attributes.value, &all);
  ::posix_spawnattr_setpgroup(&attributes.value, 0);
  ::posix_spawnattr_setflags(&attributes.value,
                             POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);

  auto texts = arguments;
  std::vector<char*> argv;
  for (auto& text : texts) argv.push_back(text.data());
  argv.push_back(nullptr);
  pid_t pid = -1;
  const int failed =
      ::posix_spawn(&pid, argv.front(), &actions.value, &attributes.value, argv.data(), environ);
  if (failed != 0) return make_errno_error("run", arguments.front(), failed);
  return pid;
}

/// Takes what is there now, up to the bound; what exceeds it is read and forgotten, so that the child never
/// blocks.
void drain(FileDescriptor& source, std::string& text) {
  std::array<char, 16 * 1024> buffer;
  while (source.get() >= 0) {
    const auto count = ::read(source.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) {
      source.close();
      return;
    }
    text.append(buffer.data(), std::min(static_cast<std::size_t>(count), max_output - text.size()));
  }
}

}  // namespace

bool ProgramRun::succeeded() const {
  return !timed_out && WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0;
}

std::string ProgramRun::describe_end() const {
  if (WIFSIGNALED(wait_status)) {
    const auto signal = WTERMSIG(wait_status);
    const char* const name = ::sigdescr_np(signal);
    return name == nullptr ? fmt::format("was killed by signal {}", signal)
                           : fmt::format("was killed by signal {} ({})", signal, name);
  }
  return fmt::format("exited with status {}", WEXITSTATUS(wait_status));
}

Result<ProgramRun> run_program(const std::vector<std::string>& arguments, std::chrono::milliseconds timeout) {
  auto output = open_pipe();
  if (!output) return std::unexpected(output.error());
  auto errors = open_pipe();
  if (!errors) return std::unexpected(errors.error());
  const auto deadline = Clock::now() + timeout;
  const auto pid = spawn(arguments, *output, *errors);
  if (!pid) return std::unexpected(pid.error());
  Child child(*pid);
  if (child.pidfd() < 0) return make_errno_error("watch", arguments.front(), errno);
  output->write_end.close();
  errors->write_end.close();

  ProgramRun run;
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) {
      run.timed_out = true;
      break;
    }
    std::array<pollfd, 3> waits{pollfd{child.pidfd(), POLLIN, 0}, pollfd{output->read_end.get(), POLLIN, 0},
                                pollfd{errors->read_end.get(), POLLIN, 0}};
    if (::poll(waits.data(), waits.size(), static_cast<int>(left.count())) < 0 && errno != EINTR)
      return make_errno_error("wait for", arguments.front(), errno);
    const bool ended = waits[0].revents != 0;
    drain(output->read_end, run.output);
    drain(errors->read_end, run.errors);
    if (ended) break;
  }
  run.wait_status = child.finish();
  return run;
}

}  // namespace nextgen_kernels
