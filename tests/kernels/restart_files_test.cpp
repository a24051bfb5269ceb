// What a restart needs on disk, and what becomes of a kernel when it is not there.
#include <sys/stat.h>

#include "kernel_fixture.h"

namespace nextgen_kernels {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class RestartFilesTest : public KernelFixture {
 protected:
  ino_t inode_of_connection_file() const {
    struct stat status{};
    EXPECT_EQ(::stat(connection_file().c_str(), &status), 0);
    return status.st_ino;
  }

  /// Where the process of the kernel is, and what it takes that for.
  std::filesystem::path process_directory() const {
    return std::filesystem::read_symlink("/proc/" + std::to_string(pid()) + "/cwd");
  }
  bool process_has(const std::string& variable) const {
    std::ifstream file("/proc/" + std::to_string(pid()) + "/environ", std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    return ('\0' + text).contains('\0' + variable + '\0');
  }
};

TEST_F(RestartFilesTest, a_connection_file_that_says_the_same_is_not_written_again) {
  auto& kernel = start_kernel(synthetic_spec());
  const auto inode = inode_of_connection_file();
  ASSERT_TRUE(run(kernel.restart_kernel()));
  ASSERT_TRUE(run(kernel.wait_until_ready()));
  EXPECT_EQ(inode_of_connection_file(), inode);
  ::kill(pid(), SIGKILL);
  run_until([&] { return kernel.restart_count() == 2; });
  ASSERT_TRUE(run(kernel.wait_until_ready()));
  EXPECT_EQ(inode_of_connection_file(), inode);
}

TEST_F(RestartFilesTest, a_kernel_whose_program_is_gone_is_not_ended_by_a_restart) {
  const auto program = directory_ / "program";
  std::filesystem::create_symlink(SYNTHETIC_KERNEL, program);
  auto& kernel = start_kernel(spec_of({program.string(), "{connection_file}"}));
  const auto before = pid();
  std::filesystem::remove(program);
  const auto restarted = run(kernel.restart_kernel());
  ASSERT_FALSE(restarted);
  EXPECT_THAT(restarted.error().message, AllOf(HasSubstr("goes on as it is"), HasSubstr(program.string())));
  EXPECT_EQ(pid(), before);
  EXPECT_TRUE(run(kernel.wait_until_ready()));
  EXPECT_EQ(kernel.restart_count(), 0);
}

TEST_F(RestartFilesTest, a_kernel_whose_connection_file_cannot_be_written_is_not_ended_by_a_restart) {
  auto& kernel = start_kernel(synthetic_spec());
  const auto before = pid();
  std::filesystem::remove_all(directory_);
  std::ofstream(directory_) << "a file where the directory was";
  const auto restarted = run(kernel.restart_kernel());
  ASSERT_FALSE(restarted);
  EXPECT_THAT(restarted.error().message, HasSubstr(connection_file().string()));
  EXPECT_EQ(pid(), before);
  EXPECT_TRUE(run(kernel.wait_until_ready()));
}

TEST_F(RestartFilesTest, a_runtime_directory_that_a_cleaner_removed_is_made_again) {
  provisioner_options_.runtime_dir = directory_ / "runtime";
  std::filesystem::create_directory(provisioner_options_.runtime_dir);
  for (const auto transport : {LocalProvisioner::Transport::tcp, LocalProvisioner::Transport::ipc}) {
    provisioner_options_.transport = transport;
    auto& kernel = start_kernel(synthetic_spec());
    std::filesystem::remove_all(provisioner_options_.runtime_dir);
    const auto restarted = run(kernel.restart_kernel());
    ASSERT_TRUE(restarted) << restarted.error().message;
    EXPECT_TRUE(run(kernel.wait_until_ready()));
    struct stat status{};
    ASSERT_EQ(::stat(provisioner_options_.runtime_dir.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0700);

    std::filesystem::remove_all(provisioner_options_.runtime_dir);
    ::kill(pid(), SIGKILL);
    run_until([&] { return kernel.restart_count() == 2; });
    EXPECT_TRUE(run(kernel.wait_until_ready()));
    run(kernel.shutdown_kernel({std::chrono::seconds(2)}));
  }
}

TEST_F(RestartFilesTest, a_kernel_whose_directory_is_gone_starts_in_the_nearest_that_exists) {
  auto launch = launch_of(synthetic_spec());
  const auto project = directory_ / "project";
  launch.working_directory = project / "notebooks";
  launch.environment["PWD"] = "/somewhere/else";
  std::filesystem::create_directories(launch.working_directory);
  kernel_ = std::make_shared<KernelManager>(loop_.get_executor(), std::move(launch), factories_, options_);
  ASSERT_TRUE(run(kernel_->start_kernel()));
  ASSERT_TRUE(run(kernel_->wait_until_ready()));
  EXPECT_TRUE(process_has("PWD=" + (project / "notebooks").string()));

  std::filesystem::rename(project / "notebooks", project / "renamed");
  const auto restarted = run(kernel_->restart_kernel());
  ASSERT_TRUE(restarted) << restarted.error().message;
  ASSERT_TRUE(run(kernel_->wait_until_ready()));
  EXPECT_EQ(process_directory(), std::filesystem::canonical(project));
  EXPECT_TRUE(process_has("PWD=" + project.string()));

  std::filesystem::create_directory(project / "notebooks");
  ASSERT_TRUE(run(kernel_->restart_kernel()));
  ASSERT_TRUE(run(kernel_->wait_until_ready()));
  EXPECT_EQ(process_directory(), std::filesystem::canonical(project / "notebooks"));
}

}  // namespace
}  // namespace nextgen_kernels
