// Every request that a kernel manager takes is answered: by the kernel, or in its place.
#include <signal.h>

#include "kernel_fixture.h"

namespace nextgen_kernels {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// A process that somebody else owns, who alone can restart it.
class Borrowed final : public KernelProvisioner {
 public:
  explicit Borrowed(std::unique_ptr<KernelProvisioner> base) : base_(std::move(base)) {}
  std::string_view class_reference() const override { return "tests:Borrowed"; }
  Task<Result<ConnectionInfo>> launch_kernel(LaunchRequest request) override {
    return base_->launch_kernel(std::move(request));
  }
  bool has_process() const override { return base_->has_process(); }
  Task<ExitStatus> wait() override { return base_->wait(); }
  std::optional<ExitStatus> exit_status() const override { return base_->exit_status(); }
  Task<Result<void>> send_signal(int number) override { return base_->send_signal(number); }
  Task<Result<void>> terminate(ShutdownPurpose purpose) override { return base_->terminate(purpose); }
  Task<Result<void>> kill(ShutdownPurpose purpose) override { return base_->kill(purpose); }
  Task<void> cleanup(ShutdownPurpose purpose) override { return base_->cleanup(purpose); }
  bool owns_kernel() const override { return false; }

 private:
  std::unique_ptr<KernelProvisioner> base_;
};

class KernelRequestsTest : public KernelFixture {
 protected:
  void use_refusing_client() {
    factories_.make_client = [](const std::string&, Conversation& conversation,
                                const Executor& executor) -> Result<std::unique_ptr<KernelClient>> {
      return std::make_unique<RefusingClient>(executor, conversation);
    };
  }

  /// What a listener got of a request: types, states of status messages, the status and error of replies.
  static std::vector<std::string> answers_to(const TestListener& listener, std::string_view id) {
    std::vector<std::string> answers;
    for (const auto& message : listener.messages) {
      if (message->parent_fields().msg_id != id) continue;
      const auto content = nlohmann::json::parse(message->content());
      std::string text(message->header_fields().msg_type);
      for (const auto* name : {"execution_state", "status", "ename"})
        if (content.contains(name)) text += " " + content.at(name).get<std::string>();
      answers.push_back(std::move(text));
    }
    return answers;
  }

  static nlohmann::json reply_to(const TestListener& listener, std::string_view id) {
    for (const auto& message : listener.messages) {
      if (message->channel() == Channel::shell && message->parent_fields().msg_id == id)
        return nlohmann::json::parse(message->content());
    }
    return nullptr;
  }

  void run_until_answered(const TestListener& listener, const std::string& id) {
    run_until([&] {
      const auto answers = answers_to(listener, id);
      return !reply_to(listener, id).is_null() && std::ranges::find(answers, "status idle") != answers.end();
    });
  }

  std::string send(TestListener& listener, Channel channel, std::string_view type,
                   const nlohmann::json& content) {
    const auto request = make_request(channel, type, content.dump(), "test").value();
    const auto taken = kernel_->handle_incoming_message(request, listener.audience);
    EXPECT_TRUE(taken) << taken.error().message;
    return std::string(request.header.msg_id);
  }

  /// Restarts the kernel, and calls `meanwhile` while the old process is being ended.
  void restart(const std::function<void()>& meanwhile) {
    bool has_ended = false;
    TaskGroup tasks(loop_.get_executor());
    tasks.spawn("restart", restart_and_note(*kernel_, has_ended));
    run_until([&] { return kernel_->is_ending(); });
    meanwhile();
    EXPECT_FALSE(has_ended);
    run(tasks.join());
    EXPECT_TRUE(has_ended);
  }

  static Task<void> start(KernelManager& kernel) {
    const auto started = co_await kernel.start_kernel();
    EXPECT_TRUE(started) << started.error().message;
  }
  static Task<void> restart_in_vain(KernelManager& kernel, bool& refused) {
    refused = !co_await kernel.restart_kernel();
  }
  static Task<void> execute_meanwhile(KernelManager& kernel, TestListener& listener, std::string& id) {
    id = execute(kernel, listener, "print here");
    co_return;
  }

  static Task<void> restart_and_note(KernelManager& kernel, bool& has_ended) {
    const auto restarted = co_await kernel.restart_kernel();
    EXPECT_TRUE(restarted) << restarted.error().message;
    has_ended = true;
  }
};

TEST_F(KernelRequestsTest, what_a_client_class_refuses_is_answered_as_a_kernel_would) {
  use_refusing_client();
  start_kernel(synthetic_spec());
  TestListener alice(*kernel_->conversation(), "alice");
  TestListener bob(*kernel_->conversation(), "bob");
  const auto id = execute(*kernel_, alice, "print forbidden");
  run_until_answered(alice, id);
  EXPECT_THAT(answers_to(alice, id), ElementsAre("status busy", "error PermissionError",
                                                 "execute_reply error PermissionError", "status idle"));
  const auto reply = reply_to(alice, id);
  EXPECT_EQ(reply.at("evalue"), "This must not run");
  EXPECT_TRUE(reply.at("traceback").is_array());
  EXPECT_THAT(answers_to(bob, id), IsEmpty());
  EXPECT_EQ(kernel_->conversation()->requests().size(), 0u);
  execute_and_wait(*kernel_, alice, "print allowed");
  EXPECT_TRUE(alice.has("stream allowed\n"));
}

TEST_F(KernelRequestsTest, what_a_client_class_refuses_of_what_waited_for_the_start_is_answered_in_its_turn) {
  use_refusing_client();
  make_kernel(synthetic_spec());
  ASSERT_TRUE(run(kernel_->start_kernel()));
  TestListener alice(*kernel_->conversation(), "alice");
  const auto refused = execute(*kernel_, alice, "print forbidden");
  const auto allowed = execute(*kernel_, alice, "print allowed");
  run_until_answered(alice, refused);
  run_until_answered(alice, allowed);
  EXPECT_EQ(reply_to(alice, refused).at("status"), "error");
  EXPECT_EQ(reply_to(alice, allowed).at("status"), "ok");
}

TEST_F(KernelRequestsTest, a_shutdown_request_that_was_refused_explains_no_death) {
  use_refusing_client();
  start_kernel(synthetic_spec());
  TestListener alice(*kernel_->conversation(), "alice");
  send(alice, Channel::control, "shutdown_request", {{"restart", false}, {"why", "forbidden"}});
  ASSERT_EQ(::kill(pid(), SIGKILL), 0);
  run_until([&] { return alice.has("status restarting"); });
  EXPECT_THAT(kernel_->reason(), HasSubstr("killed by signal 9"));
}

TEST_F(KernelRequestsTest, what_comes_while_a_restart_ends_the_old_process_is_for_the_new_one) {
  options_.shutdown_wait_time = std::chrono::milliseconds(200);
  start_kernel(synthetic_spec({"--ignore-shutdown"}));
  TestListener alice(*kernel_->conversation(), "alice");
  TestListener bob(*kernel_->conversation(), "bob");
  const auto old_process = pid();
  std::string first;
  std::string second;
  restart([&] {
    first = execute(*kernel_, alice, "print first");
    second = execute(*kernel_, bob, "print second");
  });
  EXPECT_NE(pid(), old_process);
  run_until_answered(alice, first);
  run_until_answered(bob, second);
  EXPECT_EQ(reply_to(alice, first).at("execution_count"), 1);
  EXPECT_EQ(reply_to(bob, second).at("execution_count"), 2);
  run_until([&] { return alice.has("stream first\n") && alice.has("stream second\n"); });
}

TEST_F(KernelRequestsTest, what_the_old_process_had_is_aborted_by_a_restart) {
  options_.shutdown_wait_time = std::chrono::milliseconds(200);
  start_kernel(synthetic_spec({"--ignore-interrupt", "--ignore-shutdown"}));
  TestListener alice(*kernel_->conversation(), "alice");
  TestListener bob(*kernel_->conversation(), "bob");
  const auto running = execute(*kernel_, bob, "sleep 600000");
  const auto waiting = execute(*kernel_, bob, "print never");
  const auto other = send(bob, Channel::shell, "comm_info_request", nlohmann::json::object());
  const auto info = send(bob, Channel::shell, "kernel_info_request", nlohmann::json::object());
  run_until([&] { return bob.has("execute_input"); });
  ASSERT_TRUE(run(kernel_->restart_kernel()));
  for (const auto& id : {running, waiting, other}) {
    EXPECT_EQ(reply_to(bob, id).value("status", ""), "aborted")
        << testing::PrintToString(answers_to(bob, id));
    EXPECT_EQ(answers_to(bob, id).back(), "status idle");
  }
  EXPECT_THAT(answers_to(bob, info), testing::ElementsAre("status busy", "status idle"))
      << "clients take a failed kernel_info_reply for good";
  EXPECT_THAT(bob.output_of(running), AllOf(HasSubstr("was not answered"), HasSubstr("was restarted")));
  EXPECT_THAT(answers_to(alice, running), testing::Contains("status idle")) << "she has seen it begin";
  EXPECT_THAT(answers_to(alice, waiting), IsEmpty());
  EXPECT_FALSE(bob.has("stream never\n"));
  execute_and_wait(*kernel_, bob, "print again");
}

TEST_F(KernelRequestsTest, a_restart_that_does_not_come_about_leaves_what_was_held_to_the_process) {
  const auto make_base = factories_.make_provisioner;
  factories_.make_provisioner = [make_base](
                                    const KernelSpec& spec,
                                    const Executor& executor) -> Result<std::unique_ptr<KernelProvisioner>> {
    auto base = make_base(spec, executor);
    if (!base) return base;
    return std::make_unique<Borrowed>(std::move(*base));
  };
  auto& kernel = make_kernel(synthetic_spec());
  TestListener alice(*kernel_->conversation(), "alice");
  std::string id;
  bool refused = false;
  TaskGroup tasks(loop_.get_executor());
  tasks.spawn("start", start(kernel));
  tasks.spawn("restart", restart_in_vain(kernel, refused));
  tasks.spawn("ask", execute_meanwhile(kernel, alice, id));
  run(tasks.join());
  EXPECT_TRUE(refused);
  run_until_answered(alice, id);
  EXPECT_EQ(reply_to(alice, id).at("status"), "ok");
}

TEST_F(KernelRequestsTest, what_a_process_that_dies_had_is_an_error) {
  options_.restarts.autorestart = false;
  start_kernel(synthetic_spec());
  TestListener alice(*kernel_->conversation(), "alice");
  const auto fatal = execute(*kernel_, alice, "die 3");
  const auto waiting = execute(*kernel_, alice, "print never");
  run_until([&] { return alice.has("status dead"); });
  for (const auto& id : {fatal, waiting}) {
    const auto reply = reply_to(alice, id);
    EXPECT_EQ(reply.at("status"), "error");
    EXPECT_EQ(reply.at("ename"), "DeadKernelError");
    EXPECT_THAT(reply.at("evalue").get<std::string>(), HasSubstr("exited with status 3"));
    EXPECT_EQ(answers_to(alice, id).back(), "status idle");
  }
  EXPECT_EQ(alice.log().back(), "status dead") << "clients stop waiting for outputs when they see it";
}

TEST_F(KernelRequestsTest, what_a_process_that_dies_had_is_an_error_also_when_another_follows) {
  start_kernel(synthetic_spec());
  TestListener alice(*kernel_->conversation(), "alice");
  const auto id = execute(*kernel_, alice, "die 3");
  run_until([&] { return alice.has("status restarting"); });
  EXPECT_EQ(reply_to(alice, id).at("ename"), "DeadKernelError");
  EXPECT_THAT(answers_to(alice, id), testing::Contains("status idle"));
}

TEST_F(KernelRequestsTest, what_a_shutdown_cuts_off_is_aborted_before_the_journal_closes) {
  start_kernel(synthetic_spec({"--ignore-interrupt", "--ignore-shutdown"}));
  TestListener alice(*kernel_->conversation(), "alice");
  const auto running = execute(*kernel_, alice, "sleep 600000");
  run_until([&] { return alice.has("execute_input"); });
  run(kernel_->shutdown_kernel({std::chrono::milliseconds(200)}));
  EXPECT_EQ(reply_to(alice, running).at("status"), "aborted");
  EXPECT_EQ(alice.log().back(), "status dead");
}

TEST_F(KernelRequestsTest, more_of_them_than_a_turn_answers_are_all_answered) {
  constexpr int count = 1000;
  options_.shutdown_wait_time = std::chrono::milliseconds(200);
  start_kernel(synthetic_spec({"--ignore-interrupt", "--ignore-shutdown"}));
  TestListener alice(*kernel_->conversation(), "alice");
  execute(*kernel_, alice, "sleep 600000");
  for (int i = 1; i < count; ++i) execute(*kernel_, alice, "echo");
  ASSERT_TRUE(run(kernel_->restart_kernel()));
  const auto replies = [&] {
    return std::ranges::count_if(alice.messages, [](const auto& message) {
      return message->header_fields().msg_type == "execute_reply";
    });
  };
  EXPECT_EQ(replies(), count);
  for (int i = 0; i < count; ++i) execute(*kernel_, alice, "echo");
  run_until([&] { return replies() == 2 * count; });
}

TEST_F(KernelRequestsTest, a_kernel_that_takes_nothing_is_sent_so_much_and_no_more) {
  start_kernel(synthetic_spec());
  TestListener alice(*kernel_->conversation(), "alice");
  const auto process = pid();
  ASSERT_EQ(::kill(process, SIGSTOP), 0);
  constexpr std::size_t message_bytes = std::size_t{8} * 1024 * 1024;
  const auto request = make_request(Channel::shell, "complete_request",
                                    nlohmann::json{{"code", std::string(message_bytes, 'x')}}.dump(), "test")
                           .value();
  Result<void> taken;
  std::size_t count = 0;
  while (taken && count < 100) {
    taken = kernel_->handle_incoming_message(request, alice.audience);
    ++count;
  }
  ASSERT_FALSE(taken) << "bounded";
  EXPECT_GE(count, 8u);
  EXPECT_EQ(taken.error().code, ErrorCode::resource_limit);
  EXPECT_THAT(taken.error().message, AllOf(HasSubstr("complete_request was not sent"), HasSubstr("stopped")));
  send(alice, Channel::control, "interrupt_request", nlohmann::json::object());
  ASSERT_EQ(::kill(process, SIGKILL), 0);
}

TEST_F(KernelRequestsTest, a_kernel_that_starts_is_kept_so_much_for_and_no_more) {
  const Gate gate(directory_ / "gate");
  make_kernel(shell_spec("read line < gate"));
  ASSERT_TRUE(run(kernel_->start_kernel()));
  TestListener alice(*kernel_->conversation(), "alice");
  constexpr std::size_t limit = std::size_t{64} * 1024 * 1024;
  const auto request_of = [](std::size_t bytes) {
    return make_request(Channel::shell, "comm_msg", nlohmann::json{{"data", std::string(bytes, 'x')}}.dump(),
                        "t")
        .value();
  };
  EXPECT_TRUE(kernel_->handle_incoming_message(request_of(limit + 1), alice.audience)) << "one of any size";
  const auto refused = kernel_->handle_incoming_message(request_of(1), alice.audience);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::resource_limit);
}

TEST_F(KernelRequestsTest, an_answer_to_a_prompt_is_not_kept_for_a_process_that_asked_nothing) {
  const Gate gate(directory_ / "gate");
  make_kernel(shell_spec("read line < gate"));
  ASSERT_TRUE(run(kernel_->start_kernel()));
  TestListener alice(*kernel_->conversation(), "alice");
  const auto reply = make_request(Channel::stdin_, "input_reply", R"({"value": "me"})", "t").value();
  const auto taken = kernel_->handle_incoming_message(reply, alice.audience);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, ErrorCode::unavailable);
}

TEST_F(KernelRequestsTest, requests_to_a_kernel_that_does_not_start_are_answered) {
  auto& kernel = make_kernel(spec_of({"no-such-program", "{connection_file}"}));
  TestListener alice(*kernel.conversation(), "alice");
  const auto id = execute(kernel, alice, "print never");
  ASSERT_FALSE(run(kernel.start_kernel()));
  EXPECT_EQ(reply_to(alice, id).at("status"), "error");
  EXPECT_THAT(reply_to(alice, id).at("evalue").get<std::string>(), HasSubstr("'no-such-program' not found"));
  EXPECT_TRUE(kernel.conversation()->journal().closed());
  EXPECT_FALSE(run(kernel.wait_until_ready())) << "nobody waits for ever";
}

TEST_F(KernelRequestsTest, a_kernel_that_is_being_ended_takes_no_interrupt) {
  options_.shutdown_wait_time = std::chrono::milliseconds(200);
  start_kernel(synthetic_spec({"--ignore-shutdown"}));
  restart([&] {
    const auto interrupted = run(kernel_->interrupt_kernel());
    ASSERT_FALSE(interrupted);
    EXPECT_EQ(interrupted.error().code, ErrorCode::unavailable);
    EXPECT_THAT(interrupted.error().message, HasSubstr("restarted or shut down"));
  });
}

}  // namespace
}  // namespace nextgen_kernels
