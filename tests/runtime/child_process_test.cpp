#include "runtime/child_process.h"

#include <array>
#include <fstream>

#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/run_task.h"
#include "base/random.h"
#include "runtime/orphan_reaper.h"

namespace nextgen_kernels {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class ChildProcessTest : public testing::Test {
 protected:
  Result<std::unique_ptr<ChildProcess>> launch_shell(const std::string& script) {
    return ChildProcess::launch(loop_.get_executor(),
                                {.argv = {"sh", "-c", script},
                                 .environment = {{"PATH", "/usr/bin:/bin"}, {"GREETING", "hello"}},
                                 .working_directory = "/"});
  }

  Result<std::unique_ptr<ChildProcess>> attach(const ProcessIdentity& process) {
    return ChildProcess::attach(loop_.get_executor(), {.process = process});
  }

  /// A shell whose family has a mark.
  std::unique_ptr<ChildProcess> launch_family(const std::string& script) {
    const auto value = random_hex(8);
    auto process = ChildProcess::launch(loop_.get_executor(),
                                        {.argv = {"sh", "-c", script},
                                         .environment = {{"PATH", "/usr/bin:/bin"}, {"FAMILY", value}},
                                         .working_directory = "/",
                                         .family_mark = "FAMILY=" + value});
    EXPECT_TRUE(process) << process.error().message;
    return *std::move(process);
  }

  /// Runs the loop until the process has printed this; false when it ends before.
  bool prints(const ChildProcess& process, std::string_view text) {
    while (!process.output_tail().contains(text)) {
      if (process.exit_status()) return false;
      if (loop_.run_one() == 0) loop_.restart();
    }
    return true;
  }

  /// The first number that the process prints.
  int printed_number(const ChildProcess& process) {
    EXPECT_TRUE(prints(process, "\n"));
    return std::atoi(process.output_tail().c_str());
  }

  asio::io_context loop_;
};

/// Prints its process id, and does nothing more.
constexpr std::string_view sleeper = "sh -c 'echo $$; exec sleep 1000'";
/// Prints the port that it listens at, and when it is interrupted; by a system call, for the interrupt may
/// come within a print.
constexpr std::string_view listener =
    "python3 -c \"import os, signal, socket\n"
    "server = socket.create_server(('127.0.0.1', 0))\n"
    "signal.signal(signal.SIGINT, lambda *_: os.write(1, b'interrupted'))\n"
    "print(server.getsockname()[1], flush=True)\n"
    "while True: signal.pause()\"";

TEST(exit_status, that_of_a_wrapper_tells_the_signal_of_what_it_ran) {
  EXPECT_EQ((ExitStatus{.exit_code = 137}).describe(), "exited with status 137, as for signal 9 (Killed)");
  EXPECT_EQ((ExitStatus{.exit_code = 137}).fatal_signal(), 9);
  EXPECT_EQ((ExitStatus{.signal = 11}).fatal_signal(), 11);
  for (const int code : {0, 1, 128, 160, 255}) {
    EXPECT_EQ((ExitStatus{.exit_code = code}).fatal_signal(), 0);
    EXPECT_EQ((ExitStatus{.exit_code = code}).describe(), fmt::format("exited with status {}", code));
  }
}

TEST_F(ChildProcessTest, tells_exit_status_and_what_was_printed) {
  const auto process = launch_shell("echo $GREETING from $PWD; echo problem >&2; exit 3");
  ASSERT_TRUE(process) << process.error().message;
  const auto status = run_task(loop_, (*process)->wait());
  EXPECT_EQ(status.exit_code, 3);
  EXPECT_EQ(status.describe(), "exited with status 3");
  EXPECT_EQ((*process)->output_tail(), "hello from /\nproblem\n");
}

TEST_F(ChildProcessTest, inherits_no_open_file) {
  const int open = ::dup(STDIN_FILENO);  // Without O_CLOEXEC, as libraries do.
  ASSERT_GE(open, 3);
  const auto process = launch_shell("echo /proc/self/fd/*");
  ASSERT_TRUE(process) << process.error().message;
  run_task(loop_, (*process)->wait());
  ::close(open);
  EXPECT_EQ((*process)->output_tail(), "/proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 /proc/self/fd/3\n")
      << "the last is that of the listing itself";
}

TEST_F(ChildProcessTest, keeps_only_the_end_of_long_output) {
  const auto process = launch_shell("i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done");
  ASSERT_TRUE(process) << process.error().message;
  run_task(loop_, (*process)->wait());
  EXPECT_EQ((*process)->output_tail().size(), ChildProcess::output_limit);
  EXPECT_TRUE((*process)->output_tail().ends_with("line 2999\n"));
}

TEST_F(ChildProcessTest, a_child_that_never_stops_writing_leaves_the_loop_to_others) {
  const auto process = launch_shell("exec yes");
  ASSERT_TRUE(process) << process.error().message;
  while ((*process)->output_tail().size() < ChildProcess::output_limit) loop_.run_one();
  ASSERT_TRUE((*process)->send_signal(SIGTERM));
  EXPECT_EQ(run_task(loop_, (*process)->wait()).signal, SIGTERM);
}

TEST_F(ChildProcessTest, another_server_takes_it_over_with_its_output) {
  const auto process = ChildProcess::launch(loop_.get_executor(),
                                            {.argv = {"sh", "-c", "read line < /dev/null; exec sleep 3600"},
                                             .environment = {{"PATH", "/usr/bin:/bin"}},
                                             .working_directory = "/",
                                             .lifetime = ChildLifetime::own});
  ASSERT_TRUE(process) << process.error().message;
  const auto identity = (*process)->identity();
  const auto taken = ChildProcess::attach(loop_.get_executor(),
                                          {.process = identity, .output_pipe = (*process)->output_pipe()});
  ASSERT_TRUE(taken) << taken.error().message;
  ASSERT_TRUE((*taken)->send_signal(SIGTERM));
  const auto status = run_task(loop_, (*taken)->wait());
  EXPECT_FALSE(status.known);
  EXPECT_THAT(status.describe(), HasSubstr("not known"));
  EXPECT_EQ(run_task(loop_, (*process)->wait()).signal, SIGTERM);
  EXPECT_FALSE(attach(identity));
}

TEST_F(ChildProcessTest, a_process_with_another_start_is_not_taken_for_it) {
  const auto process = launch_shell("exec sleep 3600");
  ASSERT_TRUE(process) << process.error().message;
  auto identity = (*process)->identity();
  ASSERT_TRUE(is_running(identity));
  ++identity.start_time;
  const auto taken = attach(identity);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, ErrorCode::not_found);
  EXPECT_FALSE((*process)->exit_status());
}

TEST_F(ChildProcessTest, who_outlives_us_can_write_when_nobody_reads) {
  ::signal(SIGPIPE, SIG_IGN);
  auto own = make_output_pipe(ChildLifetime::own);
  ASSERT_TRUE(own) << own.error().message;
  own->read_end.close();
  EXPECT_EQ(::write(own->write_end.get(), "words", 5), 5);
  const auto read_again = open_output_pipe(::getpid(), own->inode);
  std::array<char, 8> words{};
  EXPECT_EQ(::read(read_again.get(), words.data(), words.size()), 5);

  auto ours = make_output_pipe(ChildLifetime::ours);
  ASSERT_TRUE(ours) << ours.error().message;
  ours->read_end.close();
  EXPECT_EQ(::write(ours->write_end.get(), "words", 5), -1);
  EXPECT_EQ(errno, EPIPE);
}

TEST_F(ChildProcessTest, names_the_signal_that_killed_it) {
  const auto process = launch_shell("kill -9 $$");
  ASSERT_TRUE(process) << process.error().message;
  EXPECT_EQ(run_task(loop_, (*process)->wait()).describe(), "was killed by signal 9 (Killed)");
}

TEST_F(ChildProcessTest, signals_reach_the_whole_group) {
  // The shell ends only when its child has.
  const auto process = launch_shell("trap '' TERM; (trap - TERM; echo started; exec sleep 1000); exit 5");
  ASSERT_TRUE(process) << process.error().message;
  while ((*process)->output_tail() != "started\n") loop_.run_one();
  ASSERT_TRUE((*process)->send_signal(SIGTERM));
  EXPECT_EQ(run_task(loop_, (*process)->wait()).exit_code, 5);
}

TEST_F(ChildProcessTest, what_the_process_leaves_behind_in_its_group_is_killed) {
  // The child left behind holds the fifo open for writing: end of file on it tells that the child is gone.
  const auto fifo = std::filesystem::path(testing::TempDir()) / fmt::format("left-behind-{}", ::getpid());
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  const auto process = launch_shell(fmt::format("sleep 1000 > {} & cat < /dev/null; exit 0", fifo.string()));
  ASSERT_TRUE(process) << process.error().message;
  std::ifstream reader(fifo);
  run_task(loop_, (*process)->wait());
  EXPECT_EQ(reader.get(), std::ifstream::traits_type::eof());
  std::filesystem::remove(fifo);
}

TEST_F(ChildProcessTest, a_program_in_a_session_of_its_own_ends_with_its_wrapper) {
  for (const int number : {SIGTERM, SIGKILL}) {
    const auto process = launch_family(fmt::format("setsid -w {}", sleeper));
    const auto program = identify_process(printed_number(*process));
    ASSERT_TRUE(program);
    ASSERT_NE(program->pid, process->pid());
    ASSERT_TRUE(process->send_signal(number));
    run_task(loop_, process->wait());
    EXPECT_FALSE(is_running(*program));
  }
}

TEST_F(ChildProcessTest, a_program_that_its_wrapper_leaves_behind_is_found_by_its_environment) {
  const OrphanReaper reaper(loop_.get_executor());
  for (const std::string_view wrapper : {"(setsid {} &); exec sleep 1000", "setsid {} & exec sleep 1000"}) {
    const auto process = launch_family(fmt::format(fmt::runtime(wrapper), sleeper));
    const auto program = identify_process(printed_number(*process));
    ASSERT_TRUE(program);
    ::kill(process->pid(), SIGKILL);  // Nobody looks before that.
    EXPECT_EQ(run_task(loop_, process->wait()).signal, SIGKILL);
    EXPECT_FALSE(is_running(*program));
  }
}

TEST_F(ChildProcessTest, destroying_it_ends_its_family) {
  auto process = launch_family(fmt::format("setsid -w {}", sleeper));
  const auto program = identify_process(printed_number(*process));
  ASSERT_TRUE(program);
  const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, program->pid, 0));
  process.reset();
  pollfd end{.fd = pidfd, .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&end, 1, 60'000), 1);
  ::close(pidfd);
}

TEST_F(ChildProcessTest, what_a_program_starts_in_other_sessions_once_it_serves_is_left_alone) {
  const auto gate = std::filesystem::path(testing::TempDir()) / fmt::format("gate-{}", ::getpid());
  ASSERT_EQ(::mkfifo(gate.c_str(), 0600), 0);
  const auto process =
      launch_family(fmt::format("read line < {}; setsid {} & exec sleep 1000", gate.string(), sleeper));
  process->settle({.port = 1, .path = {}});
  std::ofstream(gate) << "go" << std::endl;
  const auto program = identify_process(printed_number(*process));
  ASSERT_TRUE(program);
  ASSERT_TRUE(process->send_signal(SIGKILL));
  run_task(loop_, process->wait());
  EXPECT_TRUE(is_running(*program));
  ::kill(program->pid, SIGKILL);
  std::filesystem::remove(gate);
}

TEST_F(ChildProcessTest, an_interrupt_reaches_the_program_that_serves_and_not_its_wrapper) {
  for (const std::string_view wrapper : {"setsid -w {}", "(exec setsid {}) & exec sleep 1000", "exec {}"}) {
    const auto process = launch_family(fmt::format(fmt::runtime(wrapper), listener));
    process->settle({.port = static_cast<std::uint16_t>(printed_number(*process)), .path = {}});
    ASSERT_TRUE(process->send_signal(SIGINT));
    EXPECT_TRUE(prints(*process, "interrupted")) << wrapper;
    ASSERT_TRUE(process->send_signal(SIGTERM));
    run_task(loop_, process->wait());
  }
}

TEST_F(ChildProcessTest, its_family_is_handed_over) {
  const auto process = launch_family(fmt::format("setsid -w {}", listener));
  process->settle({.port = static_cast<std::uint16_t>(printed_number(*process)), .path = {}});
  const auto family = process->family();
  ASSERT_TRUE(family.listener);
  ASSERT_TRUE(is_running(*family.listener));
  const auto taken =
      ChildProcess::attach(loop_.get_executor(), {.process = process->identity(), .family = family});
  ASSERT_TRUE(taken) << taken.error().message;
  ::kill(process->pid(), SIGKILL);
  run_task(loop_, (*taken)->wait());
  EXPECT_FALSE(is_running(*family.listener));
}

TEST_F(ChildProcessTest, an_end_that_somebody_else_collected_is_noticed) {
  const auto process = launch_shell("exit 3");
  ASSERT_TRUE(process) << process.error().message;
  ::waitpid((*process)->pid(), nullptr, 0);
  EXPECT_FALSE(run_task(loop_, (*process)->wait()).known);
}

TEST_F(ChildProcessTest, missing_executable_is_named_with_the_path_searched) {
  const auto process = ChildProcess::launch(
      loop_.get_executor(),
      {.argv = {"no-such-kernel"}, .environment = {{"PATH", "/usr/bin:/bin"}}, .working_directory = {}});
  ASSERT_FALSE(process);
  EXPECT_EQ(process.error().code, ErrorCode::not_found);
  EXPECT_THAT(process.error().message, AllOf(HasSubstr("'no-such-kernel'"), HasSubstr("/usr/bin:/bin")));
}

TEST_F(ChildProcessTest, missing_working_directory_is_named) {
  const auto process = ChildProcess::launch(
      loop_.get_executor(),
      {.argv = {"/bin/true"}, .environment = {}, .working_directory = "/no/such/directory"});
  ASSERT_FALSE(process);
  EXPECT_THAT(process.error().message, HasSubstr("/no/such/directory"));
}

TEST_F(ChildProcessTest, a_file_that_is_no_program_is_an_error_not_a_dead_child) {
  const auto path = std::filesystem::path(testing::TempDir()) / "not-a-program";
  std::ofstream(path) << "\x7f"
                         "ELF but not really";
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  const auto process = ChildProcess::launch(
      loop_.get_executor(), {.argv = {path.string()}, .environment = {}, .working_directory = {}});
  ASSERT_FALSE(process);
  EXPECT_THAT(process.error().message, HasSubstr(path.string()));
}

}  // namespace
}  // namespace nextgen_kernels
