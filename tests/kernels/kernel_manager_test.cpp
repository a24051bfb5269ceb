#include "kernels/kernel_manager.h"

#include <ranges>

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel_fixture.h"

namespace nextgen_kernels {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

/// Knows the process that was launched last.
class ProcessRecorder final : public KernelRecorder {
 public:
  void put(const KernelRecord& record) override {
    if (!record.is_launching) last = record.provisioner.at("pid").get<pid_t>();
  }
  void remove(const std::string&) override {}
  Task<Result<void>> written() override { co_return Result<void>{}; }

  pid_t last = 0;
};

class KernelManagerTest : public KernelFixture {
 protected:
  static Task<void> restart_into(KernelManager& kernel, std::vector<Result<void>>& results) {
    results.push_back(co_await kernel.restart_kernel());
  }
};

TEST_F(KernelManagerTest, a_started_kernel_answers_and_says_who_serves_it) {
  auto& kernel = start_kernel(synthetic_spec());
  EXPECT_EQ(kernel.execution_state(), ExecutionState::idle);
  EXPECT_EQ(kernel.provisioner_class(), LocalProvisioner::reference);
  EXPECT_EQ(kernel.client_selection().client_class, JupyterServerKernelClient::reference);
  EXPECT_EQ(kernel.client_selection().matched_by, "configured");

  TestListener listener(*kernel.conversation(), "alice");
  execute_and_wait(kernel, listener, "print hello");
  EXPECT_TRUE(listener.has("stream hello\n")) << testing::PrintToString(listener.log());
}

TEST_F(KernelManagerTest, the_connection_file_is_the_owners_only) {
  start_kernel(synthetic_spec());
  struct stat status{};
  ASSERT_EQ(::stat(connection_file().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
}

TEST_F(KernelManagerTest, ipc_transport_works) {
  provisioner_options_.transport = LocalProvisioner::Transport::ipc;
  auto& kernel = start_kernel(synthetic_spec());
  TestListener listener(*kernel.conversation(), "alice");
  execute_and_wait(kernel, listener, "print over ipc");
  EXPECT_TRUE(listener.has("stream over ipc\n"));
}

TEST_F(KernelManagerTest, a_kernel_spec_chooses_its_transport) {
  auto spec = synthetic_spec();
  spec.provisioner.config = {{"transport", "ipc"}};
  auto& kernel = start_kernel(spec);
  TestListener listener(*kernel.conversation(), "alice");
  execute_and_wait(kernel, listener, "print over ipc");
  EXPECT_TRUE(listener.has("stream over ipc\n"));
  EXPECT_EQ(nlohmann::json::parse(std::ifstream(connection_file())).at("transport"), "ipc");
}

TEST_F(KernelManagerTest, a_kernel_spec_may_keep_to_tcp) {
  provisioner_options_.transport = LocalProvisioner::Transport::ipc;
  auto spec = synthetic_spec();
  spec.provisioner.config = {{"transport", "tcp"}};
  start_kernel(spec);
  EXPECT_EQ(nlohmann::json::parse(std::ifstream(connection_file())).at("transport"), "tcp");
}

TEST_F(KernelManagerTest, a_transport_that_there_is_not_is_refused) {
  auto spec = synthetic_spec();
  spec.provisioner.config = {{"transport", "pigeon"}};
  auto& kernel = make_kernel(spec);
  const auto started = run(kernel.start_kernel());
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message, HasSubstr("transport must be tcp or ipc"));
}

TEST_F(KernelManagerTest, requests_sent_before_the_kernel_is_ready_are_answered_in_order) {
  auto& kernel = make_kernel(synthetic_spec());
  TestListener listener(*kernel.conversation(), "alice");
  ASSERT_TRUE(run(kernel.start_kernel()));
  std::vector<std::string> expected;
  for (int i = 0; i < 20; ++i) expected.push_back(execute(kernel, listener, "print " + std::to_string(i)));
  EXPECT_EQ(kernel.execution_state(), ExecutionState::starting);

  std::vector<std::string> replied;
  run_until([&] {
    replied.clear();
    for (const auto& message : listener.messages) {
      if (message->channel() == Channel::shell) replied.emplace_back(message->parent_fields().msg_id);
    }
    return replied.size() == expected.size();
  });
  EXPECT_EQ(replied, expected);
}

TEST_F(KernelManagerTest, input_is_asked_of_the_listener_who_ran_the_code) {
  auto& kernel = start_kernel(synthetic_spec());
  TestListener alice(*kernel.conversation(), "alice");
  TestListener bob(*kernel.conversation(), "bob");
  execute(kernel, bob, "input name?");
  run_until([&] { return bob.has("input_request"); });
  const nlohmann::json content = {{"value", "Bob"}};
  ASSERT_TRUE(kernel.handle_incoming_message(
      make_request(Channel::stdin_, "input_reply", content.dump(), "test").value(), bob.audience));
  run_until([&] { return alice.has("status idle"); });
  EXPECT_FALSE(alice.has("input_request"));
  EXPECT_THAT(alice.log(), Contains(HasSubstr("Bob")));
}

TEST_F(KernelManagerTest, the_id_of_anothers_request_is_not_taken) {
  auto& kernel = start_kernel(synthetic_spec());
  TestListener asker(*kernel.conversation(), "alice");
  TestListener other(*kernel.conversation(), "mallory");
  const auto id = execute(kernel, asker, "input name?");
  const auto take = [&](KernelManager& from) {
    auto question = make_request(Channel::shell, "kernel_info_request", "{}", "test").value();
    question.header.msg_id = id;
    return from.handle_incoming_message(std::move(question), other.audience);
  };
  const auto taken = take(kernel);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, ErrorCode::already_exists);
  run_until([&] { return asker.has("input_request"); });
  EXPECT_FALSE(other.has("input_request"));
  ASSERT_TRUE(run(kernel.interrupt_kernel()));
  run_until([&] { return kernel.conversation()->requests().size() == 0; });
  EXPECT_TRUE(take(kernel)) << "it is over";

  ASSERT_TRUE(run(kernel.restart_kernel()));
  auto early = make_request(Channel::shell, "execute_request", R"({"code": "echo"})", "test").value();
  early.header.msg_id = id;
  ASSERT_TRUE(kernel.handle_incoming_message(std::move(early), asker.audience)) << "waits for the start";
  EXPECT_FALSE(take(kernel));
  run(kernel.shutdown_kernel({std::chrono::seconds(2)}));  // While the id is there.
}

TEST_F(KernelManagerTest, input_asked_for_at_once_arrives_from_a_kernel_whose_stdin_comes_last) {
  auto& kernel = start_kernel(synthetic_spec({"--late-stdin"}));
  TestListener alice(*kernel.conversation(), "alice");
  execute(kernel, alice, "input name?");
  run_until([&] { return alice.has("input_request"); });
}

TEST_F(KernelManagerTest, a_missing_executable_fails_the_start_and_leaves_nothing) {
  auto& kernel = make_kernel(spec_of({"no-such-program", "{connection_file}"}));
  const auto started = run(kernel.start_kernel());
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message,
              AllOf(HasSubstr("synthetic"), HasSubstr("'no-such-program' not found")));
  EXPECT_FALSE(std::filesystem::exists(connection_file()));
}

TEST_F(KernelManagerTest, a_spec_without_a_command_is_refused_by_the_local_provisioner) {
  const auto started = run(make_kernel(spec_of({})).start_kernel());
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message, HasSubstr("argv is missing in its kernel.json"));
}

TEST_F(KernelManagerTest, a_kernel_that_exits_at_once_is_dead_with_what_it_printed) {
  auto& kernel = make_kernel(synthetic_spec({"--exit-at-once", "7"}));
  TestListener listener(*kernel.conversation(), "alice");
  ASSERT_TRUE(run(kernel.start_kernel()));
  const auto ready = run(kernel.wait_until_ready());
  ASSERT_FALSE(ready);
  EXPECT_EQ(kernel.execution_state(), ExecutionState::dead);
  EXPECT_THAT(kernel.reason(),
              AllOf(HasSubstr("exited with status 7"), HasSubstr("exiting with status 7, as told")));
  EXPECT_THAT(listener.log(), ElementsAre(HasSubstr("as told"), "status dead"));
}

TEST_F(KernelManagerTest, secrets_of_the_connection_are_not_in_the_reason) {
  auto& kernel = make_kernel(shell_spec("cat {connection_file}; exit 1"));
  ASSERT_TRUE(run(kernel.start_kernel()));
  ASSERT_FALSE(run(kernel.wait_until_ready()));
  EXPECT_THAT(kernel.reason(), AllOf(HasSubstr("shell_port"), HasSubstr(R"("key": "[secret]")")));
}

TEST_F(KernelManagerTest, a_kernel_that_never_answers_is_killed_and_says_so) {
  options_.kernel_info_timeout = std::chrono::milliseconds(200);
  auto& kernel = make_kernel(synthetic_spec({"--never-answer"}));
  ASSERT_TRUE(run(kernel.start_kernel()));
  const auto process = pid();
  ASSERT_FALSE(run(kernel.wait_until_ready()));
  EXPECT_THAT(kernel.reason(), HasSubstr("kernel_info_timeout"));
  EXPECT_FALSE(process_exists(process));
  EXPECT_FALSE(std::filesystem::exists(connection_file()));
}

TEST_F(KernelManagerTest, its_client_may_say_how_long_it_is_waited_for) {
  options_.kernel_info_timeout = std::chrono::hours(1);
  auto& kernel = make_kernel(synthetic_spec({"--never-answer"}), {{"KERNEL_LAUNCH_TIMEOUT", "0.2"}});
  ASSERT_TRUE(run(kernel.start_kernel()));
  ASSERT_FALSE(run(kernel.wait_until_ready()));
  EXPECT_THAT(kernel.reason(), AllOf(HasSubstr("within 0.2 s"), HasSubstr("KERNEL_LAUNCH_TIMEOUT")));
}

TEST(parse_launch_timeout, takes_seconds_of_a_day) {
  using namespace std::chrono_literals;
  EXPECT_EQ(parse_launch_timeout("40"), 40s);
  EXPECT_EQ(parse_launch_timeout("0.5"), 500ms);
  for (const auto* text : {"", "0", "-1", "inf", "nan", "86401", "40 s"})
    EXPECT_FALSE(parse_launch_timeout(text)) << text;
}

TEST_F(KernelManagerTest, a_client_class_that_cannot_be_made_kills_what_was_launched) {
  pid_t launched = 0;
  factories_.make_client = [&](const std::string&, Conversation&,
                               const Executor&) -> Result<std::unique_ptr<KernelClient>> {
    launched = pid();
    return make_error(ErrorCode::not_found, "No class no_such:Client");
  };
  auto& kernel = make_kernel(synthetic_spec());
  const auto started = run(kernel.start_kernel());
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message, HasSubstr("no_such:Client"));
  ASSERT_NE(launched, 0);
  EXPECT_FALSE(process_exists(launched));
}

TEST_F(KernelManagerTest, a_kernel_that_dies_is_restarted_and_its_listeners_stay) {
  auto& kernel = start_kernel(synthetic_spec());
  TestListener listener(*kernel.conversation(), "alice");
  const auto first = pid();
  execute(kernel, listener, "die 3");
  run_until([&] { return listener.announced("idle") > 0; });
  EXPECT_NE(pid(), first);
  EXPECT_EQ(kernel.restart_count(), 1);
  EXPECT_THAT(kernel.reason(), HasSubstr("exited with status 3"));
  EXPECT_TRUE(listener.has("status restarting"));
  EXPECT_THAT(listener.log(), Contains(HasSubstr("The kernel died and is restarted")));
  execute_and_wait(kernel, listener, "print back");
  EXPECT_TRUE(listener.has("stream back\n"));
}

TEST_F(KernelManagerTest, a_kernel_killed_from_outside_names_the_signal) {
  auto& kernel = start_kernel(synthetic_spec());
  TestListener listener(*kernel.conversation(), "alice");
  ASSERT_EQ(::kill(pid(), SIGKILL), 0);
  run_until([&] { return listener.announced("idle") > 0; });
  EXPECT_THAT(kernel.reason(), HasSubstr("killed by signal 9"));
}

TEST_F(KernelManagerTest, a_kernel_killed_for_want_of_memory_says_so) {
  const auto system = directory_ / "system";
  std::filesystem::create_directories(system / "proc");
  std::ofstream(system / "proc" / "vmstat") << "oom_kill 3\n";
  provisioner_options_.system_root = system;
  auto& kernel = start_kernel(synthetic_spec());
  TestListener listener(*kernel.conversation(), "alice");
  std::ofstream(system / "proc" / "vmstat") << "oom_kill 4\n";
  ASSERT_EQ(::kill(pid(), SIGKILL), 0);
  run_until([&] { return listener.announced("idle") > 0; });
  EXPECT_THAT(kernel.reason(),
              AllOf(HasSubstr("killed by signal 9"), HasSubstr("out of memory"), HasSubstr("1 process ")));

  ASSERT_EQ(::kill(pid(), SIGKILL), 0);
  run_until([&] { return kernel.restart_count() == 2; });
  EXPECT_THAT(kernel.reason(), HasSubstr("somebody else did"));
}

TEST_F(KernelManagerTest, a_kernel_killed_behind_its_wrapper_for_want_of_memory_says_so) {
  const auto system = directory_ / "system";
  std::filesystem::create_directories(system / "proc");
  std::ofstream(system / "proc" / "vmstat") << "oom_kill 3\n";
  provisioner_options_.system_root = system;
  const auto script =
      fmt::format(R"(/bin/sh -c 'echo $$ > kernel; exec {} "$0"' "$0"; exit $?)", SYNTHETIC_KERNEL);
  auto& kernel = start_kernel(spec_of({"/bin/sh", "-c", script, "{connection_file}"}));
  TestListener listener(*kernel.conversation(), "alice");
  std::ofstream(system / "proc" / "vmstat") << "oom_kill 4\n";
  ASSERT_EQ(::kill(std::stoi(lines_of("kernel").at(0)), SIGKILL), 0);
  run_until([&] { return listener.announced("idle") > 0; });
  EXPECT_THAT(kernel.reason(), AllOf(HasSubstr("exited with status 137, as for signal 9 (Killed)"),
                                     HasSubstr("out of memory"), HasSubstr("1 process ")));
}

TEST_F(KernelManagerTest, a_launch_that_fails_is_a_death_in_the_row_and_tried_again) {
  const auto program = directory_ / "program";
  std::filesystem::create_symlink(SYNTHETIC_KERNEL, program);
  auto& kernel = start_kernel(spec_of({program.string(), "{connection_file}"}));
  TestListener listener(*kernel.conversation(), "alice");
  std::filesystem::remove(program);
  ASSERT_EQ(::kill(pid(), SIGKILL), 0);
  run_until([&] { return listener.count("status restarting") == 2 || listener.has("status dead"); });
  std::filesystem::create_symlink(SYNTHETIC_KERNEL, program);
  run_until([&] { return listener.announced("idle") > 0 || listener.has("status dead"); });
  EXPECT_EQ(kernel.execution_state(), ExecutionState::idle) << kernel.reason();
  EXPECT_GE(kernel.restart_count(), 2);
  EXPECT_THAT(kernel.reason(), HasSubstr("could not be started again"));
}

TEST_F(KernelManagerTest, launches_that_go_on_failing_end_at_the_limit_and_leave_nothing) {
  options_.restarts.restart_limit = 2;
  const auto program = directory_ / "program";
  std::filesystem::create_symlink(SYNTHETIC_KERNEL, program);
  auto& kernel = start_kernel(spec_of({program.string(), "{connection_file}"}));
  std::filesystem::remove(program);
  ASSERT_EQ(::kill(pid(), SIGKILL), 0);
  run_until([&] { return kernel.execution_state() == ExecutionState::dead; });
  EXPECT_THAT(kernel.reason(), AllOf(HasSubstr("could not be started again"), HasSubstr("3 times in a row")));
  EXPECT_FALSE(std::filesystem::exists(connection_file()));
}

TEST_F(KernelManagerTest, requests_that_waited_for_a_kernel_that_died_are_answered) {
  const Gate gate(directory_ / "gate");
  auto& kernel = make_kernel(shell_spec("read line < gate; exit 7"));
  TestListener alice(*kernel.conversation(), "alice");
  TestListener bob(*kernel.conversation(), "bob");
  ASSERT_TRUE(run(kernel.start_kernel()));
  const auto id = execute(kernel, alice, "print hello");
  gate.open();
  run_until([&] { return alice.has("status dead"); });
  EXPECT_THAT(alice.output_of(id), AllOf(HasSubstr("The execute_request was not sent"), HasSubstr("is dead"),
                                         HasSubstr("exited with status 7")));
  EXPECT_EQ(bob.output_of(id), "");
}

TEST_F(KernelManagerTest, requests_that_waited_for_a_restart_that_died_are_answered) {
  // The second launch exits when it is told to, the third is a kernel.
  const Gate gate(directory_ / "gate");
  const auto script = fmt::format(
      R"(count=$(cat launches 2>/dev/null || echo 0); echo $((count + 1)) > launches
         [ $count = 1 ] && read line < gate && exit 5; exec {} "$0")",
      SYNTHETIC_KERNEL);
  auto& kernel = start_kernel(spec_of({"/bin/sh", "-c", script, "{connection_file}"}));
  TestListener listener(*kernel.conversation(), "alice");
  execute(kernel, listener, "die 3");
  run_until([&] { return listener.has("status restarting"); });
  const auto id = execute(kernel, listener, "print lost");
  gate.open();
  run_until([&] { return listener.announced("idle") > 0; });
  EXPECT_THAT(listener.output_of(id), AllOf(HasSubstr("was not sent"), HasSubstr("exited with status 5")));
  EXPECT_FALSE(listener.has("stream lost\n"));
}

TEST_F(KernelManagerTest, requests_that_waited_for_a_kernel_that_is_restarted_are_answered) {
  const Gate gate(directory_ / "gate");
  auto& kernel = make_kernel(shell_spec("read line < gate"));
  TestListener listener(*kernel.conversation(), "alice");
  ASSERT_TRUE(run(kernel.start_kernel()));
  const auto first = execute(kernel, listener, "print lost");
  ASSERT_TRUE(run(kernel.restart_kernel()));
  EXPECT_THAT(listener.output_of(first), AllOf(HasSubstr("was not sent"), HasSubstr("restarted")));
  const auto second = execute(kernel, listener, "print lost");
  run(kernel.shutdown_kernel({std::chrono::seconds(2)}));
  EXPECT_THAT(listener.output_of(second), AllOf(HasSubstr("was not sent"), HasSubstr("shut down")));
}

TEST_F(KernelManagerTest, without_autorestart_a_death_is_final_and_told) {
  options_.restarts.autorestart = false;
  auto& kernel = start_kernel(synthetic_spec());
  TestListener listener(*kernel.conversation(), "alice");
  execute(kernel, listener, "die 3");
  run_until([&] { return listener.has("status dead"); });
  EXPECT_FALSE(listener.has("status restarting"));

  auto request = make_request(Channel::shell, "execute_request", "{}", "test").value();
  const auto sent = kernel.handle_incoming_message(std::move(request), listener.audience);
  ASSERT_FALSE(sent);
  EXPECT_THAT(sent.error().message, AllOf(HasSubstr("execute_request"), HasSubstr("exited with status 3")));
}

TEST_F(KernelManagerTest, a_kernel_that_dies_again_and_again_is_given_up) {
  options_.restarts.restart_limit = 2;
  auto& kernel = start_kernel(synthetic_spec());
  TestListener listener(*kernel.conversation(), "alice");
  for (int death = 1; death <= 3; ++death) {
    execute(kernel, listener, "die 1");
    run_until([&] { return listener.announced("idle") == death || listener.has("status dead"); });
  }
  EXPECT_TRUE(listener.has("status dead"));
  EXPECT_EQ(kernel.restart_count(), 2);
  EXPECT_THAT(kernel.reason(), HasSubstr("3 times in a row"));
}

TEST_F(KernelManagerTest, a_dead_kernel_can_be_restarted) {
  options_.restarts.autorestart = false;
  auto& kernel = start_kernel(synthetic_spec());
  TestListener listener(*kernel.conversation(), "alice");
  execute(kernel, listener, "die 3");
  run_until([&] { return listener.has("status dead"); });
  ASSERT_TRUE(run(kernel.restart_kernel()));
  ASSERT_TRUE(run(kernel.wait_until_ready()));
  execute_and_wait(kernel, listener, "print alive");
  EXPECT_TRUE(listener.has("stream alive\n"));
}

TEST_F(KernelManagerTest, restart_keeps_listeners_and_takes_a_new_process) {
  auto& kernel = start_kernel(synthetic_spec());
  TestListener listener(*kernel.conversation(), "alice");
  const auto first = pid();
  ASSERT_TRUE(run(kernel.restart_kernel()));
  EXPECT_FALSE(process_exists(first));
  EXPECT_EQ(kernel.execution_state(), ExecutionState::starting);
  execute_and_wait(kernel, listener, "print again");
  EXPECT_TRUE(listener.has("stream again\n"));
  EXPECT_FALSE(listener.has("status restarting")) << "that would tell of a death";
  EXPECT_EQ(kernel.restart_count(), 1);
}

TEST_F(KernelManagerTest, a_kernel_that_stops_answering_is_shown_and_left_alone) {
  heartbeat_ = {.interval = std::chrono::milliseconds(50), .patience = 3};
  auto& kernel = make_kernel(synthetic_spec());
  std::vector<KernelAction> told;
  kernel.on_event = [&](const KernelEvent& event) { told.push_back(event.action); };
  ASSERT_TRUE(run(kernel.start_kernel()));
  ASSERT_TRUE(run(kernel.wait_until_ready()));
  EXPECT_FALSE(kernel.silent_since());
  const auto process = pid();
  TestListener listener(*kernel.conversation(), "alice");
  ASSERT_EQ(::kill(process, SIGSTOP), 0);
  run_until([&] { return kernel.silent_since().has_value(); });
  EXPECT_THAT(kernel.reason(), AllOf(HasSubstr("has not answered since"), HasSubstr("SIGCONT")));
  EXPECT_THAT(listener.log(), ElementsAre("stream " + kernel.reason() + "\n"));
  EXPECT_EQ(kernel.execution_state(), ExecutionState::idle);
  ASSERT_EQ(::kill(process, SIGCONT), 0);
  run_until([&] { return !kernel.silent_since(); });
  EXPECT_EQ(kernel.reason(), "");
  EXPECT_THAT(listener.log(), ElementsAre(HasSubstr("has not answered"), HasSubstr("answers again")));
  EXPECT_EQ(pid(), process);
  EXPECT_THAT(told, ElementsAre(KernelAction::start, KernelAction::unresponsive, KernelAction::responsive));
  kernel.on_event = nullptr;
}

TEST_F(KernelManagerTest, a_busy_kernel_that_answers_nothing_but_prints_is_alive) {
  heartbeat_ = {.interval = std::chrono::milliseconds(50), .patience = 3};
  auto& kernel = start_kernel(synthetic_spec({"--no-heartbeat"}));
  TestListener listener(*kernel.conversation(), "alice");
  execute_and_wait(kernel, listener, "flood-rate 100 20 100");
  EXPECT_FALSE(kernel.silent_since());
  run_until([&] { return kernel.silent_since().has_value(); });
  execute_and_wait(kernel, listener, "print here");
  EXPECT_FALSE(kernel.silent_since());
}

TEST_F(KernelManagerTest, restarts_asked_for_at_once_are_one) {
  auto& kernel = start_kernel(synthetic_spec());
  std::vector<Result<void>> results;
  TaskGroup clients(loop_.get_executor());
  for (int i = 0; i < 3; ++i) clients.spawn("restart", restart_into(kernel, results));
  run(clients.join());
  ASSERT_EQ(results.size(), 3u);
  for (const auto& result : results) EXPECT_TRUE(result) << result.error().message;
  EXPECT_EQ(kernel.restart_count(), 1);
  ASSERT_TRUE(run(kernel.restart_kernel()));
  EXPECT_EQ(kernel.restart_count(), 2);
}

TEST_F(KernelManagerTest, a_shutdown_waits_for_the_restart_under_way) {
  ProcessRecorder recorder;
  options_.recorder = &recorder;
  auto& kernel = start_kernel(synthetic_spec());
  const auto first = pid();
  std::vector<Result<void>> results;
  TaskGroup clients(loop_.get_executor());
  clients.spawn("restart", restart_into(kernel, results));
  clients.spawn("shutdown", kernel.shutdown_kernel({std::chrono::seconds(20)}));
  run(clients.join());
  ASSERT_EQ(results.size(), 1u);
  EXPECT_TRUE(results[0]);
  EXPECT_NE(recorder.last, first);
  EXPECT_FALSE(process_exists(recorder.last));
  EXPECT_TRUE(kernel.conversation()->journal().closed());
  EXPECT_FALSE(run(kernel.restart_kernel())) << "it is gone";
}

TEST_F(KernelManagerTest, a_restarted_kernel_that_dies_while_starting_is_started_again) {
  // The second launch exits at once, the third is a kernel.
  const auto script = fmt::format(
      R"(count=$(cat launches 2>/dev/null || echo 0); echo $((count + 1)) > launches
         [ $count = 1 ] && exit 5; exec {} "$0")",
      SYNTHETIC_KERNEL);
  auto& kernel = start_kernel(spec_of({"/bin/sh", "-c", script, "{connection_file}"}));
  TestListener listener(*kernel.conversation(), "alice");
  execute(kernel, listener, "die 3");
  run_until([&] { return listener.announced("idle") > 0; });
  EXPECT_EQ(kernel.restart_count(), 2);
  EXPECT_FALSE(listener.has("status dead"));
}

TEST_F(KernelManagerTest, everything_done_to_a_kernel_is_told) {
  auto& kernel = make_kernel(synthetic_spec());
  std::vector<std::string> told;
  kernel.on_event = [&](const KernelEvent& event) {
    EXPECT_EQ(event.kernel_id, kernel.kernel_id());
    EXPECT_EQ(event.kernel_name, "synthetic");
    told.push_back(fmt::format("{}{}", to_string(event.action),
                               event.outcome == KernelEvent::Outcome::error ? " failed" : ""));
  };
  TestListener listener(*kernel.conversation(), "alice");
  ASSERT_TRUE(run(kernel.start_kernel()));
  ASSERT_TRUE(run(kernel.wait_until_ready()));
  ASSERT_TRUE(run(kernel.interrupt_kernel()));
  ASSERT_TRUE(run(kernel.restart_kernel()));
  ASSERT_TRUE(run(kernel.wait_until_ready()));
  execute(kernel, listener, "die 3");
  run_until([&] { return told.back() == "autorestart"; });
  ASSERT_TRUE(run(kernel.wait_until_ready()));
  run(kernel.shutdown_kernel({std::chrono::seconds(20)},
                             {.action = KernelAction::cull, .reason = "Nobody used it."}));
  EXPECT_FALSE(run(kernel.interrupt_kernel()));
  EXPECT_THAT(told, ElementsAre("start", "interrupt", "restart", "autorestart", "cull", "interrupt failed"));
  const auto log = listener.log();
  ASSERT_GE(log.size(), 2u);
  EXPECT_EQ(log[log.size() - 2], "stream The kernel was shut down. Nobody used it.\n");
  EXPECT_EQ(log.back(), "status dead");
}

TEST_F(KernelManagerTest, a_port_taken_before_the_kernel_bound_it_leads_to_a_launch_with_others) {
  // The first launch finds its shell port taken by a process that is not of its family; the second is a
  // kernel.
  const auto script = fmt::format(
      R"(if [ -e taken ]; then exec {} "$0"; fi
         setsid env -i PATH="$PATH" python3 -c '
import json, socket, sys, time
port = json.load(open(sys.argv[1]))["shell_port"]
taken = socket.create_server(("127.0.0.1", port))
open("taken", "w").close()
sys.stdin.read()' "$0" < hold > occupier.log 2>&1 &
         while [ ! -e taken ]; do :; done
         echo "cannot bind" >&2; exit 1)",
      SYNTHETIC_KERNEL);
  const auto hold = directory_ / "hold";
  ASSERT_EQ(::mkfifo(hold.c_str(), 0600), 0);
  // While this end is open, the occupier stays; it must not inherit it.
  const int writer = ::open(hold.c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(writer, 0);
  auto& kernel = start_kernel(spec_of({"/bin/sh", "-c", script, "{connection_file}"}));
  EXPECT_EQ(kernel.execution_state(), ExecutionState::idle);
  EXPECT_TRUE(std::filesystem::exists(directory_ / "taken"));
  ::close(writer);
}

TEST_F(KernelManagerTest, interrupt_by_signal_ends_what_runs) {
  auto& kernel = start_kernel(synthetic_spec());
  TestListener listener(*kernel.conversation(), "alice");
  execute(kernel, listener, "sleep 600000");
  run_until([&] { return listener.has("status busy"); });
  ASSERT_TRUE(run(kernel.interrupt_kernel()));
  run_until([&] { return listener.has("execute_reply"); });
}

TEST_F(KernelManagerTest, interrupt_by_message_ends_what_runs) {
  auto spec = synthetic_spec();
  spec.interrupt_mode = InterruptMode::message;
  auto& kernel = start_kernel(std::move(spec));
  TestListener listener(*kernel.conversation(), "alice");
  execute(kernel, listener, "sleep 600000");
  run_until([&] { return listener.has("status busy"); });
  const auto interrupted = run(kernel.interrupt_kernel());
  ASSERT_TRUE(interrupted) << interrupted.error().message;
  run_until([&] { return listener.has("execute_reply"); });
  EXPECT_FALSE(listener.has("interrupt_reply")) << "the server asked, not the listener";
}

TEST_F(KernelManagerTest, an_interrupt_while_the_kernel_starts_is_refused_and_does_no_harm) {
  const Gate gate(directory_ / "gate");
  const auto script = fmt::format(R"(read line < gate; exec {} "$0")", SYNTHETIC_KERNEL);
  for (const auto mode : {InterruptMode::signal, InterruptMode::message}) {
    auto spec = spec_of({"/bin/sh", "-c", script, "{connection_file}"});
    spec.interrupt_mode = mode;
    auto& kernel = make_kernel(std::move(spec));
    ASSERT_TRUE(run(kernel.start_kernel()));
    const auto is_refused_and_starts = [&] {
      const auto interrupted = run(kernel.interrupt_kernel());
      ASSERT_FALSE(interrupted);
      EXPECT_THAT(interrupted.error().message, HasSubstr("is starting"));
      gate.open();
      const auto ready = run(kernel.wait_until_ready());
      ASSERT_TRUE(ready) << ready.error().message;
    };
    is_refused_and_starts();
    ASSERT_TRUE(run(kernel.restart_kernel()));
    is_refused_and_starts();
    EXPECT_TRUE(run(kernel.interrupt_kernel()));
    run(kernel.shutdown_kernel({std::chrono::seconds(20)}));
  }
}

TEST_F(KernelManagerTest, interrupting_a_dead_kernel_says_why_it_cannot) {
  auto& kernel = make_kernel(synthetic_spec({"--exit-at-once", "7"}));
  ASSERT_TRUE(run(kernel.start_kernel()));
  ASSERT_FALSE(run(kernel.wait_until_ready()));
  const auto interrupted = run(kernel.interrupt_kernel());
  ASSERT_FALSE(interrupted);
  EXPECT_THAT(interrupted.error().message, HasSubstr("exited with status 7"));
}

TEST_F(KernelManagerTest, shutdown_ends_the_process_removes_its_file_and_closes_the_journal) {
  auto& kernel = start_kernel(synthetic_spec());
  TestListener listener(*kernel.conversation(), "alice");
  const auto process = pid();
  run(kernel.shutdown_kernel({std::chrono::seconds(20)}));
  EXPECT_FALSE(process_exists(process));
  EXPECT_FALSE(std::filesystem::exists(connection_file()));
  EXPECT_TRUE(kernel.conversation()->journal().closed());
  EXPECT_EQ(listener.log().back(), "status dead");
  run(kernel.shutdown_kernel({std::chrono::seconds(20)}));
}

TEST_F(KernelManagerTest, a_kernel_that_ignores_its_shutdown_gets_a_sigterm_and_is_killed) {
  auto& kernel = start_kernel(synthetic_spec({"--ignore-shutdown", "--log-end", "got"}));
  const auto process = pid();
  // So long that half of it is enough for a process to write a line.
  run(kernel.shutdown_kernel({std::chrono::seconds(4)}));
  EXPECT_FALSE(process_exists(process));
  EXPECT_THAT(lines_of("got"), ElementsAre("SIGINT", "shutdown_request", "SIGTERM"));
}

TEST_F(KernelManagerTest, a_willing_kernel_gets_no_sigterm) {
  auto& kernel = start_kernel(synthetic_spec({"--log-end", "got"}));
  run(kernel.shutdown_kernel({std::chrono::seconds(60)}));
  EXPECT_THAT(lines_of("got"), ElementsAre("SIGINT", "shutdown_request"));
}

TEST_F(KernelManagerTest, a_busy_kernel_is_interrupted_before_it_is_asked_to_end_also_by_message) {
  auto spec = synthetic_spec({"--log-end", "got"});
  spec.interrupt_mode = InterruptMode::message;
  auto& kernel = start_kernel(std::move(spec));
  TestListener listener(*kernel.conversation(), "alice");
  execute(kernel, listener, "sleep 600000");
  run_until([&] { return listener.has("status busy"); });
  run(kernel.shutdown_kernel({std::chrono::seconds(60)}));
  EXPECT_THAT(lines_of("got"), ElementsAre("interrupt_request", "shutdown_request"));
  EXPECT_THAT(listener.log(), Contains("execute_reply"));
  EXPECT_FALSE(listener.has("interrupt_reply"));
}

TEST_F(KernelManagerTest, a_kernel_can_be_shut_down_while_it_starts) {
  auto& kernel = make_kernel(synthetic_spec({"--never-answer"}));
  ASSERT_TRUE(run(kernel.start_kernel()));
  const auto process = pid();
  run(kernel.shutdown_kernel({std::chrono::milliseconds(200)}));
  EXPECT_FALSE(process_exists(process));
}

TEST_F(KernelManagerTest, messages_that_break_the_protocol_are_not_delivered_and_do_no_harm) {
  auto& kernel = start_kernel(synthetic_spec());
  TestListener listener(*kernel.conversation(), "alice");
  execute_and_wait(kernel, listener, "bad-signature 3");
  execute_and_wait(kernel, listener, "short-frames 3");
  EXPECT_THAT(listener.log(), Not(Contains(HasSubstr("stream"))));
  execute_and_wait(kernel, listener, "print fine");
  EXPECT_TRUE(listener.has("stream fine\n"));
}

TEST_F(KernelManagerTest, nothing_of_a_flood_is_lost_and_its_order_is_kept) {
  auto& kernel = start_kernel(synthetic_spec());
  TestListener listener(*kernel.conversation(), "alice");
  constexpr std::size_t count = 20'000;
  const auto id = execute(kernel, listener, fmt::format("flood {} 100", count));
  run_until([&] {
    // The idle status is the last thing on iopub; the reply may come before or after it.
    return std::ranges::any_of(
        listener.messages | std::views::reverse | std::views::take(2), [&](const auto& message) {
          return message->parent_fields().msg_id == id && message->content().contains("\"idle\"");
        });
  });
  std::size_t next = 0;
  for (const auto& message : listener.messages) {
    if (message->header_fields().msg_type != "stream") continue;
    const auto text = nlohmann::json::parse(message->content()).at("text").get<std::string>();
    ASSERT_EQ(std::stoul(text), next) << text;
    ++next;
  }
  EXPECT_EQ(next, count);
}

}  // namespace
}  // namespace nextgen_kernels
