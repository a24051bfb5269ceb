#include "kernels/kernel_pool.h"

#include <signal.h>

#include "multi_kernel_fixture.h"

namespace nextgen_kernels {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

/// Managers with a pool of synthetic kernels.
class KernelPoolTest : public MultiKernelFixture {
 protected:
  KernelPoolTest() {
    manager_options_.pool = {.sizes = {{"synthetic", 2}},
                             .first_pause = std::chrono::milliseconds(20),
                             .longest_pause = std::chrono::milliseconds(100)};
    make_manager();
  }

  void fill() {
    kernels_->fill_pools();
    run_until([&] { return kernels_->pool().ready_count("synthetic") == 2; });
  }
};

TEST_F(KernelPoolTest, a_start_takes_a_kernel_that_is_ready_and_the_pool_fills_again) {
  fill();
  EXPECT_THAT(kernels_->list_kernels(), IsEmpty());
  kernels_->observe([this](const KernelEvent& event) { events_.push_back(event); });
  const auto kernel = start();
  EXPECT_EQ(kernel->execution_state(), ExecutionState::idle);
  EXPECT_THAT(kernels_->list_kernels(), SizeIs(1));
  ASSERT_THAT(events_, SizeIs(1));
  EXPECT_EQ(events_[0].action, KernelAction::start);
  EXPECT_EQ(events_[0].kernel_id, kernel->kernel_id());
  TestListener listener(*kernel->conversation(), "alice");
  execute_and_wait(*kernel, listener, "print hello");
  EXPECT_TRUE(listener.has("stream hello\n"));
  run_until([&] { return kernels_->pool().ready_count("synthetic") == 2; });
}

TEST_F(KernelPoolTest, an_empty_pool_and_a_given_id_start_a_kernel_as_ever) {
  EXPECT_EQ(start()->execution_state(), ExecutionState::starting);
  fill();
  const auto kernel = start({.kernel_name = {}, .kernel_id = "1-2-3-4-5", .path = {}, .environment = {}});
  EXPECT_EQ(kernel->kernel_id(), "1-2-3-4-5");
  EXPECT_EQ(kernels_->pool().ready_count("synthetic"), 2u);
}

TEST_F(KernelPoolTest, a_kernel_that_cannot_be_told_its_place_is_not_taken) {
  fill();
  const auto kernel =
      start({.kernel_name = {}, .kernel_id = {}, .path = "sub", .environment = {{"GREETING", "hi"}}});
  const auto process = std::to_string(kernel->provisioner_info().at("pid").get<pid_t>());
  EXPECT_EQ(std::filesystem::read_symlink("/proc/" + process + "/cwd"), directory_ / "root" / "sub");
  EXPECT_EQ(kernels_->pool().ready_count("synthetic"), 2u);
}

TEST_F(KernelPoolTest, a_kernel_that_refuses_its_place_is_replaced_by_a_new_one) {
  // It says that it is Python, and is not.
  write_spec(directory_ / "share" / "kernels" / "synthetic",
             {{"argv", {SYNTHETIC_KERNEL, "{connection_file}"}}}, "python");
  fill();
  const auto kernel = start({.kernel_name = {}, .kernel_id = {}, .path = "sub", .environment = {}});
  const auto process = std::to_string(kernel->provisioner_info().at("pid").get<pid_t>());
  EXPECT_EQ(std::filesystem::read_symlink("/proc/" + process + "/cwd"), directory_ / "root" / "sub");
  run_until([&] { return kernels_->pool().ready_count("synthetic") == 2; });
}

TEST_F(KernelPoolTest, a_changed_kernel_spec_empties_its_pool) {
  fill();
  write_spec(directory_ / "share" / "kernels" / "synthetic",
             {{"argv", {SYNTHETIC_KERNEL, "{connection_file}", "--omit-iopub-welcome"}}});
  const auto kernel = start();
  EXPECT_EQ(kernel->kernel_spec().argv.size(), 3u);
  EXPECT_EQ(kernel->execution_state(), ExecutionState::starting);
  run_until([&] { return kernels_->pool().ready_count("synthetic") == 2; });
  EXPECT_EQ(start()->execution_state(), ExecutionState::idle);
}

TEST_F(KernelPoolTest, kernels_that_die_in_the_pool_are_replaced) {
  options_.restarts.autorestart = false;
  std::vector<std::shared_ptr<KernelManager>> made;
  on_made_ = [&](const std::shared_ptr<KernelManager>& kernel) { made.push_back(kernel); };
  fill();
  ASSERT_THAT(made, SizeIs(2));
  ::kill(made[0]->provisioner_info().at("pid").get<pid_t>(), SIGKILL);
  run_until([&] { return made.size() == 3 && kernels_->pool().ready_count("synthetic") == 2; });
}

TEST_F(KernelPoolTest, kernels_that_do_not_answer_are_not_taken_but_replaced) {
  heartbeat_ = {.interval = std::chrono::milliseconds(100), .patience = 5};
  std::vector<std::shared_ptr<KernelManager>> made;
  on_made_ = [&](const std::shared_ptr<KernelManager>& kernel) { made.push_back(kernel); };
  fill();
  ASSERT_THAT(made, SizeIs(2));
  const auto process = made[0]->provisioner_info().at("pid").get<pid_t>();
  ASSERT_EQ(::kill(process, SIGSTOP), 0);
  run_until([&] { return made[0]->silent_since().has_value(); });
  EXPECT_EQ(kernels_->pool().ready_count("synthetic"), 1u);
  EXPECT_EQ(start(), made[1]);
  run_until([&] { return made.size() == 4 && kernels_->pool().ready_count("synthetic") == 2; });
  ::kill(process, SIGCONT);  // It ends sooner.
  run_until([&] { return !process_exists(process); });
}

TEST_F(KernelPoolTest, kernels_that_never_start_are_tried_with_pauses_and_do_not_stop_the_server) {
  write_spec(directory_ / "share" / "kernels" / "synthetic", {{"argv", {"/bin/false"}}});
  int made = 0;
  on_made_ = [&](const auto&) { ++made; };
  kernels_->fill_pools();
  run_until([&] { return made == 3; });
  run(kernels_->shutdown_all({std::chrono::seconds(2)}));
  EXPECT_EQ(kernels_->pool().ready_count("synthetic"), 0u);
}

TEST_F(KernelPoolTest, a_stopping_server_ends_its_pool) {
  std::vector<pid_t> processes;
  std::vector<std::shared_ptr<KernelManager>> made;
  on_made_ = [&](const std::shared_ptr<KernelManager>& kernel) { made.push_back(kernel); };
  fill();
  for (const auto& kernel : made) processes.push_back(kernel->provisioner_info().at("pid").get<pid_t>());
  run(kernels_->shutdown_all({std::chrono::seconds(10)}));
  for (const auto process : processes) EXPECT_FALSE(process_exists(process));
}

TEST_F(KernelPoolTest, a_kernel_spec_may_ask_for_its_own_pool) {
  manager_options_.pool.sizes.clear();
  make_manager();
  write_spec(directory_ / "share" / "kernels" / "pooled",
             {{"argv", {SYNTHETIC_KERNEL, "{connection_file}"}}, {"metadata", {{"pool", 1}}}});
  start({.kernel_name = "pooled", .kernel_id = {}, .path = {}, .environment = {}});
  run_until([&] { return kernels_->pool().ready_count("pooled") == 1; });
}

TEST_F(KernelPoolTest, idle_time_counts_from_the_moment_a_kernel_is_taken) {
  fill();
  const auto before = Timestamp::clock::now();
  EXPECT_GE(start()->last_activity(), before);
}

}  // namespace
}  // namespace nextgen_kernels
