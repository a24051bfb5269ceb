#include <array>
#include <thread>

#include <signal.h>
#include <unistd.h>

#include "../registry/log_capture.h"
#include "base/file_descriptor.h"
#include "plugin_fixture.h"
#include "runtime/loop_watchdog.h"

namespace nextgen_kernels {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

class PluginProvisionerTest : public PluginFixture {
 protected:
  LaunchRequest request_of(KernelSpec spec) const {
    auto launch = launch_of(std::move(spec));
    return {.spec = std::move(launch.spec),
            .kernel_id = std::move(launch.kernel_id),
            .environment = std::move(launch.environment),
            .working_directory = std::move(launch.working_directory)};
  }

  /// What a kernel that is this script printed.
  std::string output_of(const std::string& script,
                        const std::map<std::string, std::string>& environment = {}) {
    const auto provisioner = make_provisioner("test_plugin:DerivedProvisioner").value();
    auto request = request_of(shell_spec(script));
    for (const auto& [name, value] : environment) request.environment[name] = value;
    const auto launched = run(provisioner->launch_kernel(request));
    if (!launched) return "error: " + launched.error().message;
    run(provisioner->wait());
    return provisioner->output_tail();
  }

  std::unique_ptr<KernelProvisioner> own(const std::string& behaviour) {
    auto made = make_provisioner("test_plugin:OwnProvisioner", {{"behaviour", behaviour}});
    if (!made) throw std::runtime_error(made.error().message);
    return *std::move(made);
  }

  std::string launch_failure_of(KernelProvisioner& provisioner) {
    const auto launched = run(provisioner.launch_kernel(request_of(shell_spec("true"))));
    return launched ? "no failure" : launched.error().message;
  }
};

TEST_F(PluginProvisionerTest, a_class_that_extends_the_local_one_changes_the_process_and_keeps_the_rest) {
  const auto provisioner = make_provisioner("test_plugin:DerivedProvisioner").value();
  EXPECT_FALSE(provisioner->has_process());
  const Gate gate(directory_ / "gate");
  const auto launched =
      run(provisioner->launch_kernel(request_of(shell_spec("echo $PREPARED; read line < gate; read line"))));
  ASSERT_TRUE(launched) << launched.error().message;
  EXPECT_EQ(launched->at("transport"), "tcp");
  EXPECT_TRUE(launched->contains("key"));
  EXPECT_EQ(launched->at("launched_for"), "name-of-spec") << "added to the answer of the base class";
  EXPECT_TRUE(provisioner->owns_kernel());
  const auto info = provisioner->get_provisioner_info();
  EXPECT_EQ(info.at("kernel_name"), "name-of-spec");
  EXPECT_TRUE(info.at("pid").is_number_integer());
  gate.open();
  const auto status = run(provisioner->wait());
  EXPECT_EQ(status.exit_code, 1) << "read had no input";
  EXPECT_FALSE(provisioner->has_process());
  EXPECT_EQ(provisioner->output_tail(), "by id-of-kernel\n");
  EXPECT_THAT(provisioner->describe_end(), StartsWith("Derived: The kernel process exited with status 1"));
  EXPECT_EQ(provisioner->why_launch_again(), "");
  run_task(loop_, provisioner->cleanup(ShutdownPurpose::end));
}

TEST_F(PluginProvisionerTest, signals_reach_the_process_and_the_end_is_told_to_all_who_wait) {
  const auto provisioner = make_provisioner("test_plugin:DerivedProvisioner").value();
  const auto spec = shell_spec("while :; do sleep 1000; done");
  ASSERT_TRUE(run(provisioner->launch_kernel(request_of(spec))));
  EXPECT_TRUE(provisioner->has_process());
  ASSERT_TRUE(run(provisioner->kill(ShutdownPurpose::restart)));
  EXPECT_EQ(run(provisioner->wait()).signal, SIGKILL);
  EXPECT_EQ(run(provisioner->wait()).signal, SIGKILL);
  ASSERT_TRUE(run(provisioner->launch_kernel(request_of(spec)))) << "one object over restarts";
  EXPECT_TRUE(provisioner->has_process());
  ASSERT_TRUE(run(provisioner->terminate(ShutdownPurpose::end)));
  EXPECT_EQ(run(provisioner->wait()).signal, SIGTERM);
}

TEST_F(PluginProvisionerTest, what_is_not_utf8_in_the_environment_comes_through) {
  EXPECT_EQ(output_of("printf '%s' \"$LATIN\" | od -An -tx1", {{"LATIN", "\xe4!"}}), " e4 21\n");
}

TEST_F(PluginProvisionerTest, a_hook_may_refuse_the_process_in_words) {
  EXPECT_THAT(output_of("true", {{"REFUSE_PROCESS", "1"}}), HasSubstr("This process is refused"));
  EXPECT_THAT(output_of("true", {{"NO_COMMAND", "1"}}), HasSubstr("its argv is empty"));
}

TEST_F(PluginProvisionerTest, a_constructor_that_throws_is_an_error_with_the_class_and_the_reason) {
  EXPECT_EQ(make_provisioner("test_plugin:OwnProvisioner", {{"behaviour", "throw in the constructor"}})
                .error()
                .message,
            "Creating test_plugin:OwnProvisioner failed: the constructor threw");
  EXPECT_THAT(
      make_provisioner("test_plugin:OwnProvisioner", {{"behaviour", "throw a number"}}).error().message,
      HasSubstr("something that is no exception was thrown"));
  EXPECT_THAT(make_provisioner("test_plugin:OwnProvisioner").error().message,
              HasSubstr("The member \"behaviour\" is missing"));
}

TEST_F(PluginProvisionerTest, a_launch_that_throws_or_forgets_to_answer_is_an_error) {
  const auto launched = run(own("throw")->launch_kernel(request_of(shell_spec("true"))));
  ASSERT_FALSE(launched);
  EXPECT_EQ(launched.error().code, ErrorCode::resource_limit);
  EXPECT_EQ(launched.error().message, "no machine is free");
  EXPECT_EQ(launch_failure_of(*own("drop")), "The plugin gave no answer");
}

TEST_F(PluginProvisionerTest, a_launch_that_is_never_answered_ends_with_its_time_and_is_killed) {
  options_.kernel_info_timeout = std::chrono::milliseconds(100);
  use_classes("test_plugin:OwnProvisioner", "", {{"behaviour", "never launch"}});
  const auto started = run(make_kernel(synthetic_spec()).start_kernel());
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::timeout);
  EXPECT_THAT(started.error().message,
              HasSubstr("launch_kernel of test_plugin:OwnProvisioner was not answered"));
}

TEST_F(PluginProvisionerTest, a_launch_that_answers_nonsense_is_ended_again) {
  const auto provisioner = own("answer nonsense");
  EXPECT_THAT(
      launch_failure_of(*provisioner),
      AllOf(HasSubstr("connection info of test_plugin:OwnProvisioner"), HasSubstr("not a JSON object")));
  EXPECT_EQ(run(provisioner->wait()).signal, SIGKILL);
}

TEST_F(PluginProvisionerTest, answers_may_come_from_threads_and_timers) {
  const auto request = request_of(shell_spec("true"));
  EXPECT_EQ(run(own("answer from a thread")->launch_kernel(request)).value().at("id"), request.kernel_id);
  EXPECT_EQ(run(own("answer by timer")->launch_kernel(request)).value().at("place"), "own");
}

TEST_F(PluginProvisionerTest, a_provisioner_of_its_own_tells_the_end_of_its_kernel) {
  const auto provisioner = own("");
  ASSERT_TRUE(run(provisioner->launch_kernel(request_of(shell_spec("true")))));
  EXPECT_TRUE(provisioner->has_process());
  EXPECT_TRUE(run(provisioner->send_signal(SIGINT)));
  EXPECT_TRUE(provisioner->has_process());
  EXPECT_TRUE(run(provisioner->terminate(ShutdownPurpose::end)));
  EXPECT_EQ(run(provisioner->wait()).signal, SIGTERM);
  EXPECT_EQ(provisioner->exit_status()->signal, SIGTERM);
  EXPECT_EQ(provisioner->describe_end(), "The kernel process was killed by signal 15 (Terminated).");
  EXPECT_EQ(provisioner->output_tail(), "");
  run_task(loop_, provisioner->cleanup(ShutdownPurpose::end));
}

TEST_F(PluginProvisionerTest, an_object_may_be_destroyed_while_it_owes_answers) {
  auto provisioner = make_provisioner("test_plugin:DerivedProvisioner").value();
  ASSERT_TRUE(run(provisioner->launch_kernel(request_of(shell_spec("read line; sleep 1000")))));
  const auto pid = provisioner->get_provisioner_info().at("pid").get<pid_t>();
  provisioner.reset();
  run_until([pid] { return !process_exists(pid); });
}

TEST_F(PluginProvisionerTest, a_class_that_holds_the_event_loop_is_named) {
  const LogCapture log;
  std::array<int, 2> gate{};
  ASSERT_EQ(::pipe(gate.data()), 0);
  const FileDescriptor read_end(gate[0]);
  const FileDescriptor write_end(gate[1]);
  const auto provisioner =
      make_provisioner("test_plugin:OwnProvisioner", {{"behaviour", "hold the loop"}, {"gate", gate[0]}})
          .value();
  const LoopWatchdog watchdog(loop_.get_executor(), {.limit = std::chrono::milliseconds(100),
                                                     .report_after = std::chrono::milliseconds(200),
                                                     .interval = std::chrono::milliseconds(1)});
  std::thread opener([&] {
    while (log.text().find("by a call of test_plugin:OwnProvisioner") == std::string::npos)
      std::this_thread::yield();
    EXPECT_EQ(::write(gate[1], "x", 1), 1);
  });
  run_until([&] { return watchdog.knows_loop(); });
  EXPECT_TRUE(run(provisioner->launch_kernel(request_of(shell_spec("true")))));
  opener.join();
}

}  // namespace
}  // namespace nextgen_kernels
