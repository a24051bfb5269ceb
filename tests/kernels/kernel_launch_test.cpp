// Launches by provisioners that do not answer.
#include "kernel_fixture.h"

namespace nextgen_kernels {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

/// What provisioners of a test do, and what was asked of them.
struct Behaviour {
  explicit Behaviour(const Executor& executor) : changed(executor) {}

  void answer_launches() {
    answers_launches = true;
    changed.notify_all();
  }

  Event changed;
  bool answers_launches = true;
  bool tells_end = true;
  std::vector<std::string> asked;
  int made = 0;
};

/// A provisioner without a process, whose answers may never come.
class SilentProvisioner final : public KernelProvisioner {
 public:
  SilentProvisioner(const Executor& executor, Behaviour& behaviour)
      : behaviour_(behaviour), ended_(executor) {
    ++behaviour_.made;
  }

  std::string_view class_reference() const override { return "tests:SilentProvisioner"; }
  Task<Result<ConnectionInfo>> launch_kernel(LaunchRequest) override {
    ask("launch_kernel");
    while (!behaviour_.answers_launches) co_await behaviour_.changed.wait();
    running_ = true;
    // Nobody listens there.
    co_return ConnectionInfo{
        {"transport", "ipc"}, {"ip", "/nowhere"}, {"key", ""},       {"signature_scheme", "hmac-sha256"},
        {"shell_port", 1},    {"iopub_port", 2},  {"stdin_port", 3}, {"control_port", 4},
        {"hb_port", 5}};
  }
  bool has_process() const override { return running_; }
  Task<ExitStatus> wait() override {
    while (running_) co_await ended_.wait();
    co_return ExitStatus{};
  }
  std::optional<ExitStatus> exit_status() const override { return std::nullopt; }
  Task<Result<void>> send_signal(int) override {
    ask("send_signal");
    co_return Result<void>{};
  }
  Task<Result<void>> terminate(ShutdownPurpose) override { co_return end("terminate"); }
  Task<Result<void>> kill(ShutdownPurpose) override { co_return end("kill"); }
  Task<void> cleanup(ShutdownPurpose) override {
    ask("cleanup");
    co_return;
  }

 private:
  void ask(std::string what) {
    behaviour_.asked.push_back(std::move(what));
    behaviour_.changed.notify_all();
  }
  Result<void> end(std::string what) {
    ask(std::move(what));
    if (!behaviour_.tells_end) return {};
    running_ = false;
    ended_.notify_all();
    return {};
  }

  Behaviour& behaviour_;
  Event ended_;
  bool running_ = false;
};

class KernelLaunchTest : public KernelFixture {
 protected:
  KernelLaunchTest() {
    options_.kernel_info_timeout = std::chrono::hours(1);
    factories_.make_provisioner =
        [this](const KernelSpec&, const Executor& executor) -> Result<std::unique_ptr<KernelProvisioner>> {
      return std::make_unique<SilentProvisioner>(executor, behaviour_);
    };
  }

  ~KernelLaunchTest() override {
    behaviour_.tells_end = true;
    if (kernel_ != nullptr) run(kernel_->shutdown_kernel({std::chrono::milliseconds(100)}));
    kernel_.reset();  // Before the behaviour, which its provisioner uses.
    loop_.poll();
  }

  static Task<void> start_into(KernelManager& kernel, std::optional<Result<void>>& result) {
    result = co_await kernel.start_kernel();
  }
  static Task<void> restart_into(KernelManager& kernel, std::optional<Result<void>>& result) {
    result = co_await kernel.restart_kernel();
  }
  static Task<void> never(KernelSpec) {
    Event event(co_await asio::this_coro::executor);
    co_await event.wait();
  }

  bool was_asked(const std::string& what) const {
    return std::ranges::find(behaviour_.asked, what) != behaviour_.asked.end();
  }

  Behaviour behaviour_{loop_.get_executor()};
  TaskGroup clients_{loop_.get_executor()};
};

TEST_F(KernelLaunchTest, a_launch_that_is_never_answered_ends_with_its_time) {
  options_.kernel_info_timeout = std::chrono::milliseconds(100);
  behaviour_.answers_launches = false;
  auto& kernel = make_kernel(synthetic_spec());
  const auto started = run(kernel.start_kernel());
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::timeout);
  EXPECT_THAT(started.error().message, AllOf(HasSubstr("launch_kernel of tests:SilentProvisioner"),
                                             HasSubstr("within 0.1 s"), HasSubstr("KERNEL_LAUNCH_TIMEOUT")));
  EXPECT_THAT(behaviour_.asked, ElementsAre("launch_kernel", "kill", "cleanup"));
  EXPECT_FALSE(run(kernel.wait_until_ready()));
}

TEST_F(KernelLaunchTest, a_shutdown_ends_a_launch_at_once) {
  behaviour_.answers_launches = false;
  auto& kernel = make_kernel(synthetic_spec());
  std::optional<Result<void>> started;
  clients_.spawn("start", start_into(kernel, started));
  run_until([&] { return was_asked("launch_kernel"); });
  run(kernel.shutdown_kernel({std::chrono::minutes(10)}));
  run(clients_.join());
  ASSERT_TRUE(started && !*started);
  EXPECT_EQ(started->error().code, ErrorCode::unavailable);
  EXPECT_THAT(started->error().message, HasSubstr("was shut down while it was launched"));
  EXPECT_THAT(behaviour_.asked, ElementsAre("launch_kernel", "kill", "cleanup"));
}

TEST_F(KernelLaunchTest, a_restart_whose_launch_is_never_answered_fails_and_the_next_has_a_new_provisioner) {
  options_.shutdown_wait_time = std::chrono::milliseconds(50);
  auto& kernel = make_kernel(synthetic_spec(), {{"KERNEL_LAUNCH_TIMEOUT", "0.1"}});
  ASSERT_TRUE(run(kernel.start_kernel()));
  behaviour_.answers_launches = false;
  const auto restarted = run(kernel.restart_kernel());
  ASSERT_FALSE(restarted);
  EXPECT_EQ(restarted.error().code, ErrorCode::timeout);
  EXPECT_EQ(kernel.execution_state(), ExecutionState::dead);
  EXPECT_THAT(kernel.reason(), HasSubstr("within 0.1 s"));
  EXPECT_EQ(behaviour_.made, 1);
  behaviour_.answer_launches();
  ASSERT_TRUE(run(kernel.restart_kernel()));
  EXPECT_EQ(behaviour_.made, 2);
  EXPECT_TRUE(kernel.has_process());
}

TEST_F(KernelLaunchTest, a_shutdown_ends_the_launch_of_a_restart_at_once) {
  options_.shutdown_wait_time = std::chrono::milliseconds(50);
  auto& kernel = make_kernel(synthetic_spec());
  ASSERT_TRUE(run(kernel.start_kernel()));
  behaviour_.answers_launches = false;
  behaviour_.asked.clear();
  std::optional<Result<void>> restarted;
  clients_.spawn("restart", restart_into(kernel, restarted));
  run_until([&] { return was_asked("launch_kernel"); });
  run(kernel.shutdown_kernel({std::chrono::minutes(10)}));
  run(clients_.join());
  ASSERT_TRUE(restarted && !*restarted);
  EXPECT_EQ(behaviour_.asked.back(), "cleanup");
  EXPECT_TRUE(kernel.conversation()->journal().closed());
}

TEST_F(KernelLaunchTest, a_library_that_is_never_loaded_ends_with_the_time_of_a_launch) {
  options_.kernel_info_timeout = std::chrono::milliseconds(100);
  factories_.prepare = &KernelLaunchTest::never;
  const auto started = run(make_kernel(synthetic_spec()).start_kernel());
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::timeout);
  EXPECT_THAT(started.error().message, HasSubstr("Loading the classes of kernel spec synthetic"));
  EXPECT_EQ(behaviour_.made, 0);
}

TEST_F(KernelLaunchTest, a_provisioner_that_does_not_tell_the_end_of_what_it_killed_is_not_waited_for) {
  options_.kernel_info_timeout = options_.shutdown_wait_time = std::chrono::milliseconds(100);
  behaviour_.tells_end = false;
  auto& kernel = make_kernel(synthetic_spec());
  ASSERT_TRUE(run(kernel.start_kernel()));
  ASSERT_FALSE(run(kernel.wait_until_ready()));
  EXPECT_EQ(kernel.execution_state(), ExecutionState::dead);
  EXPECT_THAT(kernel.reason(), HasSubstr("did not answer kernel_info_request"));
  EXPECT_THAT(behaviour_.asked, ElementsAre("launch_kernel", "kill", "cleanup"));
}

}  // namespace
}  // namespace nextgen_kernels
