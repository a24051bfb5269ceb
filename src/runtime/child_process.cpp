#include "runtime/child_process.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/strings.h"
#include "runtime/event.h"
#include "runtime/orphan_reaper.h"

namespace nextgen_kernels {
namespace {

/// The arguments and environment of one posix_spawn call, released with it.
class SpawnCall {
 public:
  SpawnCall() {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
  }
  SpawnCall(const SpawnCall&) = delete;
  SpawnCall& operator=(const SpawnCall&) = delete;
  ~SpawnCall() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }

  /// Zero, or the errno of the step that failed (fork, chdir or exec).
  int run(const std::filesystem::path& executable, const ProcessDescription& description, int output_fd,
          pid_t& pid) {
    ::posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions_, output_fd, STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions_, output_fd, STDERR_FILENO);
    // What plugins, or who started the server, left open without O_CLOEXEC.
    ::posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1);
    if (!description.working_directory.empty())
      ::posix_spawn_file_actions_addchdir_np(&actions_, description.working_directory.c_str());

    sigset_t signals;
    ::sigfillset(&signals);
    ::posix_spawnattr_setsigdefault(&attributes_, &signals);
    ::sigemptyset(&signals);
    ::posix_spawnattr_setsigmask(&attributes_, &signals);
    ::posix_spawnattr_setflags(&attributes_,
                               POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);

    std::vector<char*> argv;
    for (const auto& argument : description.argv) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    std::vector<std::string> variables;
    for (const auto& [name, value] : description.environment) variables.push_back(name + "=" + value);
    std::vector<char*> environment;
    for (auto& variable : variables) environment.push_back(variable.data());
    environment.push_back(nullptr);
    return ::posix_spawn(&pid, executable.c_str(), &actions_, &attributes_, argv.data(), environment.data());
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

// What was killed may take this long to end; the system cannot end a process that waits for a disk.
constexpr auto family_patience = std::chrono::seconds(5);

bool ends_programs(int signal_number) {
  constexpr std::array<int, 4> numbers = {SIGTERM, SIGKILL, SIGHUP, SIGQUIT};
  return std::ranges::find(numbers, signal_number) != numbers.end();
}

int open_pidfd(pid_t pid) {
  return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
}

bool is_executable_file(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(path, ignored) && ::access(path.c_str(), X_OK) == 0;
}

}  // namespace

std::string ExitStatus::describe() const {
  if (!known) return "ended; how is not known, for a server that is gone had started it";
  if (signal != 0) return fmt::format("was killed by signal {} ({})", signal, ::strsignal(signal));
  auto text = fmt::format("exited with status {}", exit_code);
  if (const int of_child = fatal_signal(); of_child != 0)
    text += fmt::format(", as for signal {} ({})", of_child, ::strsignal(of_child));
  return text;
}

int ExitStatus::fatal_signal() const {
  constexpr int shells_offset = 128;
  constexpr int highest_signal = 31;  // Of those that mean something.
  if (signal != 0) return signal;
  return exit_code > shells_offset && exit_code <= shells_offset + highest_signal ? exit_code - shells_offset
                                                                                  : 0;
}

std::optional<std::filesystem::path> find_executable(const std::string& name,
                                                     std::string_view path_variable) {
  if (name.contains('/')) {
    if (is_executable_file(name)) return name;
    return std::nullopt;
  }
  for (const auto directory : split(path_variable, ':')) {
    const auto candidate = std::filesystem::path(directory.empty() ? "." : directory) / name;
    if (is_executable_file(candidate)) return candidate;
  }
  return std::nullopt;
}

Result<std::filesystem::path> find_executable(const ProcessDescription& description) {
  if (description.argv.empty()) return make_error(ErrorCode::invalid_argument, "The command is empty");
  const auto& name = description.argv.front();
  const auto path_entry = description.environment.find("PATH");
  const auto path = path_entry == description.environment.end() ? std::string() : path_entry->second;
  if (auto executable = find_executable(name, path)) return *std::move(executable);
  return make_error(ErrorCode::not_found,
                    "Executable '{}' not found{}. Install it, or correct argv in kernel.json.", name,
                    name.contains('/') ? std::string() : fmt::format(" in PATH ({})", path));
}

struct ChildProcess::State : std::enable_shared_from_this<State> {
  State(const Executor& executor, ProcessFamily its_family, ProcessIdentity process, int pidfd)
      : identity(process),
        pid(process.pid),
        family(std::move(its_family)),
        process_end(executor, pidfd),
        member_end(executor),
        family_limit(executor),
        output(executor),
        changed(executor) {}

  void start(FileDescriptor read_end) {
    if (read_end.get() >= 0) {
      output.assign(read_end.release());
      output.non_blocking(true);
      read_output();
    }
    wait_for_end();
  }

  void wait_for_end() {
    process_end.async_wait(asio::posix::stream_descriptor::wait_read,
                           [self = shared_from_this()](const boost::system::error_code& error) {
                             if (!error) self->on_process_end();
                           });
  }

  /// Waits for output and then takes it all. Asio never reads for us: what it had read, but not handed over
  /// yet, would be missing when the end of the process is told.
  void read_output() {
    output.async_wait(asio::posix::stream_descriptor::wait_read,
                      [self = shared_from_this()](const boost::system::error_code& error) {
                        if (!error && self->take_output()) self->read_output();
                      });
  }

  /// Takes what is in the pipe now, at most what a pipe holds: a child that never stops writing must not keep
  /// the event loop. False when nothing will follow.
  bool take_output() {
    constexpr int chunks_in_a_pipe = 16;  // 64 KiB, pipe(7).
    std::array<char, 4096> chunk{};
    boost::system::error_code error;
    for (int i = 0; i < chunks_in_a_pipe && !error; ++i) {
      const auto count = output.read_some(asio::buffer(chunk), error);
      keep(std::string_view(chunk.data(), count));
    }
    return !error || error == asio::error::would_block;
  }

  void keep(std::string_view text) {
    if (text.empty()) return;
    log_debug("kernel process {}: {}", pid, trim(text));
    tail.append(text);
    if (tail.size() > output_limit) tail.erase(0, tail.size() - output_limit);
  }

  void on_process_end() {
    if (status) return;
    // Asio may say so too early: for a descriptor that was closed in the same turn of the loop in which this
    // one was opened.
    if (!adopted && !has_ended()) return wait_for_end();
    // What it wrote last is in the pipe still. Other processes may hold the write end: do not wait for its
    // close.
    if (output.is_open()) take_output();
    close(process_end);
    kill_group();
    family_limit.expires_after(family_patience);
    family_limit.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (!error) self->give_up_family();
    });
    end_family();
  }

  /// Kills what is left of the family, until nothing is.
  void end_family() {
    if (status) return;
    close(member_end);
    family.look();
    family.signal(SIGKILL);
    for (const auto& member : family.running()) {
      const int pidfd = open_pidfd(member.pid);
      if (pidfd < 0) continue;
      member_end.assign(pidfd);
      member_end.async_wait(asio::posix::stream_descriptor::wait_read,
                            [self = shared_from_this()](const boost::system::error_code& error) {
                              if (!error) self->end_family();
                            });
      return;
    }
    finish();
  }

  void give_up_family() {
    if (status) return;
    for (const auto& member : family.running())
      log_warning("Process {}, which process {} left behind, does not end", member.pid, pid);
    finish();
  }

  void finish() {
    close(member_end);
    family_limit.cancel();
    family.collect();
    status = reap();
    changed.notify_all();
  }

  static void close(asio::posix::stream_descriptor& descriptor) {
    boost::system::error_code ignored;
    descriptor.close(ignored);
  }

  /// Of our child, which is not reaped before. True also when somebody else has reaped it.
  bool has_ended() const {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT | WNOHANG) != 0 ||
           info.si_pid != 0;
  }

  /// Ends what the process left behind in its group.
  void kill_group() const {
    if (!adopted) {
      // Not reaped yet, so the group's id is still ours.
      siginfo_t info{};
      if (::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT | WNOHANG) == 0)
        ::killpg(pid, SIGKILL);
      return;
    }
    // Its id may be another's by now; while something is left in its group, it is not.
    if (const auto other = identify_process(pid); !other || *other == identity) ::killpg(pid, SIGKILL);
  }

  ExitStatus reap() const {
    forget_child(pid);
    siginfo_t info{};
    if (adopted || ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG) != 0 || info.si_pid == 0)
      return ExitStatus{.known = false};
    return info.si_code == CLD_EXITED ? ExitStatus{.exit_code = info.si_status, .signal = 0}
                                      : ExitStatus{.exit_code = 0, .signal = info.si_status};
  }

  /// Whether the id is still its own: of our children always until they are reaped.
  bool is_there() const { return !adopted || is_running(identity); }

  ProcessIdentity identity;
  pid_t pid;
  ProcessFamily family;
  asio::posix::stream_descriptor process_end;
  asio::posix::stream_descriptor member_end;  ///< Of one of the family, when the process has ended.
  asio::steady_timer family_limit;
  asio::posix::stream_descriptor output;
  Event changed;
  std::string tail;
  std::optional<ExitStatus> status;
  bool adopted = false;  ///< Not our child.
  std::uint64_t output_pipe = 0;
};

Result<std::unique_ptr<ChildProcess>> ChildProcess::launch(const Executor& executor,
                                                           ProcessDescription description) {
  const auto executable = find_executable(description);
  if (!executable) return std::unexpected(executable.error());
  if (!description.working_directory.empty() &&
      !std::filesystem::is_directory(description.working_directory)) {
    return make_error(ErrorCode::invalid_argument, "Working directory {} does not exist",
                      description.working_directory.string());
  }

  auto pipe = make_output_pipe(description.lifetime);
  if (!pipe) return std::unexpected(pipe.error());
  pid_t pid = -1;
  SpawnCall call;
  if (const int failure = call.run(*executable, description, pipe->write_end.get(), pid); failure != 0)
    return make_errno_error("execute", executable->string(), failure);
  pipe->write_end.close();
  const int pidfd = open_pidfd(pid);
  if (pidfd < 0) {
    const int error_number = errno;
    ::kill(-pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return make_errno_error("pidfd_open", std::to_string(pid), error_number);
  }
  // Not reaped yet: if it has ended already, nobody asks for its identity.
  const auto identity = identify_process(pid).value_or(ProcessIdentity{.pid = pid});
  note_child(pid);
  auto state = std::make_shared<State>(executor, ProcessFamily(identity, std::move(description.family_mark)),
                                       identity, pidfd);
  state->output_pipe = pipe->inode;
  state->start(std::move(pipe->read_end));
  return std::unique_ptr<ChildProcess>(new ChildProcess(std::move(state)));
}

Result<std::unique_ptr<ChildProcess>> ChildProcess::attach(const Executor& executor, ProcessRecord record) {
  const auto& process = record.process;
  FileDescriptor pidfd(open_pidfd(process.pid));
  // The descriptor first: what it stands for is then what is looked at, or has ended.
  if (pidfd.get() < 0 || !is_running(process))
    return make_error(ErrorCode::not_found, "Process {} has ended", process.pid);
  auto read_end = open_output_pipe(process.pid, record.output_pipe);
  auto state = std::make_shared<State>(
      executor, ProcessFamily(process, std::move(record.family_mark), std::move(record.family)), process,
      pidfd.release());
  state->adopted = true;
  state->output_pipe = record.output_pipe;
  state->start(std::move(read_end));
  return std::unique_ptr<ChildProcess>(new ChildProcess(std::move(state)));
}

ChildProcess::ChildProcess(std::shared_ptr<State> state) : state_(std::move(state)) {}

ChildProcess::~ChildProcess() {
  if (!state_->status && state_->is_there()) {
    state_->family.look();
    ::killpg(state_->pid, SIGKILL);
    state_->family.signal(SIGKILL);
    if (!state_->adopted) {
      ::waitpid(state_->pid, nullptr, 0);
      forget_child(state_->pid);
    }
  }
  if (!state_->status) state_->status = ExitStatus{.known = false};  // Nothing is waited for any more.
  state_->family_limit.cancel();
  State::close(state_->process_end);
  State::close(state_->member_end);
  State::close(state_->output);
}

pid_t ChildProcess::pid() const {
  return state_->pid;
}

ProcessIdentity ChildProcess::identity() const {
  return state_->identity;
}

std::uint64_t ChildProcess::output_pipe() const {
  return state_->output_pipe;
}

const FamilyRecord& ChildProcess::family() const {
  return state_->family.record();
}

void ChildProcess::settle(const ListenAddress& address) {
  if (!state_->status && state_->is_there()) state_->family.settle(address);
}

Task<ExitStatus> ChildProcess::wait() {
  const auto state = state_;
  while (!state->status) co_await state->changed.wait();
  co_return *state->status;
}

std::optional<ExitStatus> ChildProcess::exit_status() const {
  return state_->status;
}

Result<void> ChildProcess::send_signal(int signal_number) {
  if (state_->status || !state_->is_there()) return {};  // Reaped: the id may be somebody else's by now.
  auto& family = state_->family;
  const bool for_all = ends_programs(signal_number);
  if (!for_all && family.signal_listener(signal_number)) return {};
  // Before a wrapper ends, for then its child has another parent.
  if (for_all) family.look();
  const int failure = ::killpg(state_->pid, signal_number) == 0 ? 0 : errno;
  if (for_all) family.signal(signal_number);
  if (failure != 0 && failure != ESRCH)
    return make_errno_error("kill", fmt::format("process group {}", state_->pid), failure);
  return {};
}

std::string ChildProcess::output_tail() const {
  return replace_invalid_utf8(state_->tail);
}

}  // namespace nextgen_kernels
