#include "provisioners/existing/existing_provisioner.h"

#include <signal.h>

#include "kernel_fixture.h"
#include "runtime/child_process.h"

namespace nextgen_kernels {
namespace {

using testing::HasSubstr;

/// A kernel that another program started, and managers that attach to it.
class ExistingProvisionerTest : public KernelFixture {
 protected:
  ExistingProvisionerTest() {
    factories_.make_provisioner =
        [this](const KernelSpec& spec,
               const Executor& executor) -> Result<std::unique_ptr<KernelProvisioner>> {
      if (spec.provisioner.name.empty())
        return std::make_unique<LocalProvisioner>(executor, provisioner_options_);
      return std::make_unique<ExistingProvisioner>(
          executor, ExistingProvisioner::Options{.runtime_dir = directory_,
                                                 .reconnect_patience = std::chrono::milliseconds(100)});
    };
  }
  ~ExistingProvisionerTest() override {
    if (other_ != nullptr) run(other_->shutdown_kernel({std::chrono::seconds(2)}));
    other_.reset();
  }

  static KernelSpec existing_spec(nlohmann::json config) {
    auto spec = spec_of({});
    spec.provisioner = {.name = "existing-provisioner", .config = std::move(config)};
    return spec;
  }

  /// Starts the kernel of the other program; the name of its connection file.
  std::string start_other(const std::vector<std::string>& more = {}) {
    auto options = options_;
    options.restarts.autorestart = false;
    other_ = std::make_shared<KernelManager>(loop_.get_executor(), launch_of(synthetic_spec(more)),
                                             factories_, options);
    EXPECT_TRUE(run(other_->start_kernel()));
    EXPECT_TRUE(run(other_->wait_until_ready()));
    return "kernel-" + other_->kernel_id() + ".json";
  }

  KernelManager& attach(const std::string& file) {
    return start_kernel(existing_spec({{"connection_file", file}}));
  }

  pid_t other_pid() const { return other_->provisioner_info().at("pid").get<pid_t>(); }

  std::shared_ptr<KernelManager> other_;
};

TEST_F(ExistingProvisionerTest, attaches_by_a_file_in_the_runtime_directory_and_runs_code) {
  auto& kernel = attach(start_other());
  TestListener listener(*kernel.conversation(), "me");
  execute(kernel, listener, "print hello");
  run_until([&] { return listener.has("stream hello\n"); });
  EXPECT_EQ(kernel.provisioner_info().at("connection_file"),
            (directory_ / ("kernel-" + other_->kernel_id() + ".json")).string());
}

TEST_F(ExistingProvisionerTest, a_kernel_that_runs_something_is_attached_to_as_busy) {
  options_.kernel_info_timeout = std::chrono::seconds(10);
  const auto file = start_other();
  TestListener owner(*other_->conversation(), "owner");
  execute(*other_, owner, "sleep 600000");
  run_until([&] { return owner.has("status busy"); });
  auto& kernel = attach(file);
  EXPECT_EQ(kernel.execution_state(), ExecutionState::busy);
  TestListener listener(*kernel.conversation(), "me");
  execute(kernel, listener, "print behind");
  ASSERT_TRUE(run(kernel.interrupt_kernel()));
  // Replies and outputs come on two connections, in any order.
  run_until([&] {
    return kernel.execution_state() == ExecutionState::idle && listener.has("execute_reply") &&
           listener.has("stream behind\n");
  });
}

TEST_F(ExistingProvisionerTest, what_a_busy_kernel_without_heartbeat_says_on_control_is_a_sign_of_life) {
  options_.kernel_info_timeout = std::chrono::seconds(10);
  const auto file = start_other({"--no-heartbeat"});
  TestListener owner(*other_->conversation(), "owner");
  execute(*other_, owner, "sleep 600000");
  run_until([&] { return owner.has("status busy"); });
  EXPECT_EQ(attach(file).execution_state(), ExecutionState::busy);
}

TEST_F(ExistingProvisionerTest, an_absolute_path_is_taken_as_it_is) {
  const auto file = start_other();
  std::filesystem::create_directories(directory_ / "elsewhere");
  std::filesystem::copy_file(directory_ / file, directory_ / "elsewhere" / file);
  attach((directory_ / "elsewhere" / file).string());
}

TEST_F(ExistingProvisionerTest, shutting_down_detaches_and_leaves_the_kernel_running) {
  auto& kernel = attach(start_other());
  run(kernel.shutdown_kernel({std::chrono::seconds(2)}));
  TestListener listener(*other_->conversation(), "owner");
  execute(*other_, listener, "print alive");
  run_until([&] { return listener.has("stream alive\n"); });
}

TEST_F(ExistingProvisionerTest, interrupts_go_by_message) {
  auto& kernel = attach(start_other());
  TestListener listener(*kernel.conversation(), "me");
  execute(kernel, listener, "sleep 600000");
  run_until([&] { return listener.has("execute_input"); });
  EXPECT_TRUE(run(kernel.interrupt_kernel()));
  run_until([&] { return listener.has("error"); });
}

TEST_F(ExistingProvisionerTest, a_kernel_that_ends_is_dead_and_not_started_again) {
  auto& kernel = attach(start_other());
  ::kill(other_pid(), SIGKILL);
  run_until([&] { return kernel.execution_state() == ExecutionState::dead; });
  EXPECT_THAT(kernel.reason(), HasSubstr("started by another program"));
  EXPECT_THAT(kernel.reason(), HasSubstr("a restart attaches to it again"));
}

TEST_F(ExistingProvisionerTest, a_kernel_that_stops_answering_is_shown_and_not_given_up) {
  const auto file = start_other();
  heartbeat_ = {.interval = std::chrono::milliseconds(50), .patience = 3};
  auto& kernel = attach(file);
  ASSERT_EQ(::kill(other_pid(), SIGSTOP), 0);
  run_until([&] { return kernel.silent_since().has_value(); });
  EXPECT_EQ(kernel.execution_state(), ExecutionState::idle);
  ASSERT_EQ(::kill(other_pid(), SIGCONT), 0);
  run_until([&] { return !kernel.silent_since(); });
  TestListener listener(*kernel.conversation(), "me");
  execute(kernel, listener, "print alive");
  run_until([&] { return listener.has("stream alive\n"); });
}

TEST_F(ExistingProvisionerTest, the_end_of_a_kernel_is_seen_also_by_a_quoted_port) {
  const auto file = start_other();
  auto info = nlohmann::json::parse(std::ifstream(directory_ / file));
  for (const auto* name : {"shell_port", "iopub_port", "stdin_port", "control_port", "hb_port"})
    info[name] = std::to_string(info.at(name).get<int>());
  std::ofstream(directory_ / "quoted.json") << info.dump();
  auto& kernel = attach("quoted.json");
  ::kill(other_pid(), SIGKILL);
  run_until([&] { return kernel.execution_state() == ExecutionState::dead; });
}

TEST_F(ExistingProvisionerTest, a_restart_attaches_again_to_a_dead_kernel_and_refuses_a_live_one) {
  auto& kernel = attach(start_other());
  const auto refused = run(kernel.restart_kernel());
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("was started by another program"));
  ::kill(other_pid(), SIGKILL);
  run_until([&] { return kernel.execution_state() == ExecutionState::dead; });
  ASSERT_TRUE(run(other_->restart_kernel()));  // By its owner, with the same connection file.
  ASSERT_TRUE(run(other_->wait_until_ready()));
  ASSERT_TRUE(run(kernel.restart_kernel()));
  EXPECT_TRUE(run(kernel.wait_until_ready()));
}

TEST_F(ExistingProvisionerTest, a_config_that_names_no_connection_file_is_refused) {
  const auto message_of = [&](nlohmann::json config) {
    const auto started = run(make_kernel(existing_spec(std::move(config))).start_kernel());
    return started ? std::string() : started.error().message;
  };
  EXPECT_THAT(message_of({}), HasSubstr("set connection_file in the config"));
  EXPECT_THAT(message_of({{"connection_file", 7}}), HasSubstr("set connection_file in the config"));
  EXPECT_THAT(message_of({{"connection_file", "missing.json"}}), HasSubstr("missing.json"));
  std::ofstream(directory_ / "list.json") << "[1]";
  EXPECT_THAT(message_of({{"connection_file", "list.json"}}), HasSubstr("holds no JSON object"));
}

TEST_F(ExistingProvisionerTest, a_file_without_a_key_is_refused_by_its_client_with_the_field) {
  std::ofstream(directory_ / "keyless.json") << R"({"transport": "tcp", "ip": "127.0.0.1"})";
  auto& kernel = make_kernel(existing_spec({{"connection_file", "keyless.json"}}));
  ASSERT_TRUE(run(kernel.start_kernel()));
  EXPECT_FALSE(run(kernel.wait_until_ready()));
  EXPECT_THAT(kernel.reason(), HasSubstr("lacks shell_port, iopub_port, stdin_port, control_port, hb_port"));
}

}  // namespace
}  // namespace nextgen_kernels
