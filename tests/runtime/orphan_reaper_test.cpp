#include "runtime/orphan_reaper.h"

#include <array>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/child_process.h"
#include "runtime/process_tree.h"

namespace nextgen_kernels {
namespace {

class OrphanReaperTest : public testing::Test {
 protected:
  /// Waits until an orphan, which ended after everything before, has been collected.
  void collect_an_orphan() {
    const auto process = ChildProcess::launch(loop_.get_executor(),
                                              {.argv = {"sh", "-c", "(sh -c 'echo $$' &); exec sleep 1000"},
                                               .environment = {{"PATH", "/usr/bin:/bin"}},
                                               .working_directory = "/"});
    ASSERT_TRUE(process) << process.error().message;
    while (!(*process)->output_tail().contains('\n')) loop_.run_one();
    const int orphan = std::stoi((*process)->output_tail());
    while (read_process_stat(orphan)) loop_.run_one();
  }

  /// A child as code of plugins starts it: nobody says anything of it.
  static pid_t start_stranger() {
    std::array<char*, 4> argv{const_cast<char*>("sh"), const_cast<char*>("-c"), const_cast<char*>("exit 7"),
                              nullptr};
    pid_t pid = -1;
    EXPECT_EQ(::posix_spawn(&pid, "/bin/sh", nullptr, nullptr, argv.data(), environ), 0);
    siginfo_t info{};
    EXPECT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT), 0);
    return pid;
  }

  asio::io_context loop_;
};

TEST_F(OrphanReaperTest, collects_what_descendants_left_and_leaves_the_children_of_others) {
  const OrphanReaper reaper(loop_.get_executor());
  EXPECT_TRUE(inherits_orphans());
  const auto stranger = start_stranger();
  collect_an_orphan();
  int status = 0;
  EXPECT_EQ(::waitpid(stranger, &status, WNOHANG), stranger);
  EXPECT_EQ(WEXITSTATUS(status), 7);
}

TEST_F(OrphanReaperTest, collects_children_that_nobody_asks_for_in_the_end) {
  const OrphanReaper reaper(loop_.get_executor(), std::chrono::milliseconds(1));
  const auto stranger = start_stranger();
  while (read_process_stat(stranger)) loop_.run_one();
  EXPECT_EQ(::waitpid(stranger, nullptr, WNOHANG), -1);
}

TEST_F(OrphanReaperTest, a_loop_ends_when_it_is_stopped) {
  OrphanReaper reaper(loop_.get_executor());
  reaper.stop();
  loop_.run();
}

}  // namespace
}  // namespace nextgen_kernels
