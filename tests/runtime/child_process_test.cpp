#include "runtime/child_process.h"

#include <array>
#include <fstream>

#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../support/run_task.h"

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

  asio::io_context loop_;
};

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
  ASSERT_TRUE((*process)->signal_group(SIGTERM));
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
  const auto taken = ChildProcess::attach(loop_.get_executor(), identity, (*process)->output_pipe());
  ASSERT_TRUE(taken) << taken.error().message;
  ASSERT_TRUE((*taken)->signal_group(SIGTERM));
  const auto status = run_task(loop_, (*taken)->wait());
  EXPECT_FALSE(status.known);
  EXPECT_THAT(status.describe(), HasSubstr("not known"));
  EXPECT_EQ(run_task(loop_, (*process)->wait()).signal, SIGTERM);
  EXPECT_FALSE(ChildProcess::attach(loop_.get_executor(), identity, 0));
}

TEST_F(ChildProcessTest, a_process_with_another_start_is_not_taken_for_it) {
  const auto process = launch_shell("exec sleep 3600");
  ASSERT_TRUE(process) << process.error().message;
  auto identity = (*process)->identity();
  ASSERT_TRUE(is_running(identity));
  ++identity.start_time;
  const auto taken = ChildProcess::attach(loop_.get_executor(), identity, 0);
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
  ASSERT_TRUE((*process)->signal_group(SIGTERM));
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
