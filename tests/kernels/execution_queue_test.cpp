#include "kernels/execution_queue.h"

#include "kernel_fixture.h"

namespace nextgen_kernels {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ExecutionQueueTest : public KernelFixture {
 protected:
  ~ExecutionQueueTest() override { queue_.reset(); }

  void start(KernelSpec spec = synthetic_spec()) {
    start_kernel(std::move(spec));
    queue_ = std::make_shared<ExecutionQueue>(loop_.get_executor(), kernel_);
  }

  std::shared_ptr<Execution> submit(const std::string& code) { return submit({.code = code}); }
  std::shared_ptr<Execution> submit(ExecutionRequest request) {
    auto execution = queue_->submit(std::move(request));
    EXPECT_TRUE(execution) << execution.error().message;
    return execution.value_or(nullptr);
  }

  ExecutionQueue::Cancellation cancel(const Execution& execution) {
    const auto cancelled = queue_->cancel(execution.id());
    EXPECT_TRUE(cancelled) << cancelled.error().message;
    return cancelled.value_or(ExecutionQueue::Cancellation::withdrawn);
  }

  void run_until_status(const Execution& execution, ExecutionStatus status) {
    run_until([&] { return execution.status() == status; });
  }

  /// What it published: types, and texts of streams.
  std::vector<std::string> read_all(Execution& execution) {
    std::vector<std::string> log;
    run_until([&] {
      while (true) {
        const auto news = execution.read();
        for (const auto& message : news.messages) {
          const auto content = nlohmann::json::parse(message->content());
          log.push_back(content.value("text", std::string(message->header_fields().msg_type)));
        }
        if (news.at_end || !news.looked_on) return news.at_end;
      }
    });
    return log;
  }

  static Task<void> restart(KernelManager& kernel) {
    const auto restarted = co_await kernel.restart_kernel();
    EXPECT_TRUE(restarted) << restarted.error().message;
  }

  std::shared_ptr<ExecutionQueue> queue_;
};

TEST_F(ExecutionQueueTest, runs_code_and_gives_what_it_published) {
  start();
  const auto execution = submit("print hello");
  EXPECT_THAT(read_all(*execution), ElementsAre("execute_input", "hello\n"));
  EXPECT_EQ(execution->status(), ExecutionStatus::ok);
  EXPECT_EQ(execution->reply().at("execution_count"), 1);
  EXPECT_THAT(queue_->list(), IsEmpty());
}

TEST_F(ExecutionQueueTest, one_at_a_time_in_order) {
  start();
  const auto first = submit("sleep 600000");
  const auto second = submit("print second");
  const auto third = submit("print third");
  run_until_status(*first, ExecutionStatus::running);
  EXPECT_EQ(second->status(), ExecutionStatus::queued);
  EXPECT_THAT(queue_->list(), ElementsAre(first, second, third));
  ASSERT_TRUE(queue_->cancel(first->id()));
  EXPECT_THAT(read_all(*third), ElementsAre("execute_input", "third\n"));
  EXPECT_THAT(read_all(*second), ElementsAre("execute_input", "second\n"));
  EXPECT_EQ(first->status(), ExecutionStatus::cancelled);
}

TEST_F(ExecutionQueueTest, what_waits_behind_a_failure_is_aborted) {
  start();
  const auto first = submit("no such command");
  const auto second = submit("echo");
  EXPECT_THAT(read_all(*second), IsEmpty());
  EXPECT_EQ(first->status(), ExecutionStatus::error);
  EXPECT_EQ(second->status(), ExecutionStatus::aborted);
  EXPECT_THAT(second->reason(), HasSubstr(first->id()));
}

TEST_F(ExecutionQueueTest, a_failure_may_be_told_not_to_stop_what_waits) {
  start();
  submit({.code = "no such command", .stop_on_error = false});
  const auto second = submit("echo");
  run_until_status(*second, ExecutionStatus::ok);
}

TEST_F(ExecutionQueueTest, a_waiting_execution_is_withdrawn_at_once) {
  start();
  const auto first = submit("sleep 600000");
  const auto second = submit("print never");
  ASSERT_TRUE(queue_->cancel(second->id()));
  EXPECT_EQ(second->status(), ExecutionStatus::cancelled);
  EXPECT_TRUE(second->read().at_end);
  EXPECT_FALSE(queue_->cancel(second->id()));
  ASSERT_TRUE(queue_->cancel(first->id()));
  run_until_status(*first, ExecutionStatus::cancelled);
}

TEST_F(ExecutionQueueTest, time_that_has_passed_interrupts) {
  start();
  const auto execution = submit({.code = "sleep 600000", .timeout = std::chrono::milliseconds(50)});
  EXPECT_THAT(read_all(*execution), ElementsAre("execute_input", "error"));
  EXPECT_EQ(execution->status(), ExecutionStatus::timeout);
}

TEST_F(ExecutionQueueTest, the_time_of_silent_code_is_counted_too) {
  start();
  const auto execution =
      submit({.code = "sleep 600000", .silent = true, .timeout = std::chrono::milliseconds(50)});
  run_until_status(*execution, ExecutionStatus::timeout);
}

TEST_F(ExecutionQueueTest, a_death_ends_what_runs_and_aborts_what_waits) {
  start();
  const auto first = submit("die 3");
  const auto second = submit("echo");
  read_all(*first);  // It may take its last words along.
  EXPECT_EQ(first->status(), ExecutionStatus::dead);
  EXPECT_THAT(first->reason(), HasSubstr("status 3"));
  EXPECT_EQ(second->status(), ExecutionStatus::aborted);
  const auto third = submit("print again");
  EXPECT_THAT(read_all(*third), ElementsAre("execute_input", "again\n"));
}

TEST_F(ExecutionQueueTest, a_restart_ends_what_runs) {
  start(synthetic_spec({"--ignore-interrupt"}));  // Or the one before the end would, which is an error.
  const auto execution = submit("sleep 600000");
  run_until_status(*execution, ExecutionStatus::running);
  ASSERT_TRUE(run(kernel_->restart_kernel()));
  run_until([&] { return execution->ended(); });
  EXPECT_EQ(execution->status(), ExecutionStatus::dead);
  EXPECT_THAT(execution->reason(), HasSubstr("restarted"));
}

TEST_F(ExecutionQueueTest, a_dead_kernel_takes_nothing) {
  options_.restarts.autorestart = false;
  start();
  run_until_status(*submit("die 3"), ExecutionStatus::dead);
  const auto refused = queue_->submit({.code = "echo"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
  EXPECT_THAT(refused.error().message, HasSubstr("status 3"));
}

TEST_F(ExecutionQueueTest, a_slow_reader_misses_nothing_and_keeps_nobody_waiting) {
  start();
  const auto flood = submit("flood 2000 1000");
  const auto next = submit("print next");
  run_until_status(*next, ExecutionStatus::ok);
  EXPECT_EQ(read_all(*flood).size(), 2001u);
}

TEST_F(ExecutionQueueTest, what_nobody_reads_runs_all_the_same) {
  start();
  const auto execution = submit("print unread");
  execution->stop_reading();
  run_until_status(*execution, ExecutionStatus::ok);
  EXPECT_TRUE(execution->read().at_end);
}

TEST_F(ExecutionQueueTest, code_whose_reply_was_lost_in_an_interrupt_ends) {
  start();
  const auto first = submit("lose-reply 600000");
  const auto second = submit("print second");
  run_until_status(*first, ExecutionStatus::running);
  EXPECT_EQ(cancel(*first), ExecutionQueue::Cancellation::interrupted);
  run_until_status(*first, ExecutionStatus::cancelled);
  EXPECT_THAT(first->reason(), HasSubstr("without a reply"));
  EXPECT_THAT(read_all(*second), ElementsAre("execute_input", "second\n"));
  EXPECT_EQ(kernel_->conversation()->requests().size(), 0u);
}

TEST_F(ExecutionQueueTest, a_timeout_that_loses_the_reply_is_a_timeout) {
  start();
  const auto execution = submit({.code = "lose-reply 600000", .timeout = std::chrono::milliseconds(1)});
  run_until_status(*execution, ExecutionStatus::timeout);
  EXPECT_THAT(read_all(*execution), ElementsAre("execute_input"));
}

TEST_F(ExecutionQueueTest, a_reply_to_something_later_shows_that_one_is_lost) {
  start();
  TestListener other(*kernel_->conversation(), "other");
  const auto execution = submit("lose-reply 1");
  execute_and_wait(*kernel_, other, "echo");
  EXPECT_EQ(execution->status(), ExecutionStatus::error);
  EXPECT_THAT(execution->reason(), HasSubstr("without a reply"));
}

TEST_F(ExecutionQueueTest, what_waits_for_others_can_be_withdrawn) {
  start();
  TestListener other(*kernel_->conversation(), "other");
  execute(*kernel_, other, "sleep 600000");
  const auto first = submit("print never");
  const auto second = submit("print second");
  run_until([&] { return kernel_->execution_state() == ExecutionState::busy; });
  EXPECT_EQ(first->status(), ExecutionStatus::queued);
  EXPECT_EQ(cancel(*first), ExecutionQueue::Cancellation::withdrawn);
  EXPECT_EQ(second->status(), ExecutionStatus::queued);
  ASSERT_TRUE(run(kernel_->interrupt_kernel()));
  EXPECT_THAT(read_all(*second), ElementsAre("execute_input", "second\n"));
  EXPECT_FALSE(other.has("stream never\n"));
}

TEST_F(ExecutionQueueTest, what_others_send_later_keeps_nobody_waiting_for_ever) {
  start();
  TestListener other(*kernel_->conversation(), "other");
  execute(*kernel_, other, "sleep 600000");
  run_until([&] { return other.has("execute_input"); });
  const auto execution = submit("sleep 600000");
  run_until([&] { return kernel_->execution_state() == ExecutionState::busy; });
  const auto later = execute(*kernel_, other, "sleep 600001");
  ASSERT_TRUE(run(kernel_->interrupt_kernel()));
  run_until_status(*execution, ExecutionStatus::sent);
  EXPECT_EQ(cancel(*execution), ExecutionQueue::Cancellation::when_it_begins);
  run_until([&] {
    return std::ranges::any_of(other.messages, [&](const auto& message) {
      return message->parent_fields().msg_id == later && message->header_fields().msg_type == "execute_input";
    });
  });
  ASSERT_TRUE(run(kernel_->interrupt_kernel()));
  run_until_status(*execution, ExecutionStatus::cancelled);
  EXPECT_THAT(read_all(*execution), ElementsAre("execute_input", "error"));
}

TEST_F(ExecutionQueueTest, what_waits_for_the_start_can_be_withdrawn) {
  options_.kernel_info_timeout = std::chrono::minutes(1);
  make_kernel(synthetic_spec());
  ASSERT_TRUE(run(kernel_->start_kernel()));
  queue_ = std::make_shared<ExecutionQueue>(loop_.get_executor(), kernel_);
  const auto first = submit("print never");
  const auto second = submit("print second");
  EXPECT_EQ(cancel(*first), ExecutionQueue::Cancellation::withdrawn);
  EXPECT_THAT(read_all(*second), ElementsAre("execute_input", "second\n"));
  EXPECT_EQ(second->reply().at("execution_count"), 1);
}

TEST_F(ExecutionQueueTest, a_restart_aborts_what_waits_for_others) {
  start();  // The interrupt before the end makes the kernel idle; nothing must be sent to it then.
  TestListener other(*kernel_->conversation(), "other");
  execute(*kernel_, other, "sleep 600000");
  run_until([&] { return other.has("execute_input"); });
  const auto execution = submit("print never");
  ASSERT_TRUE(run(kernel_->restart_kernel()));
  run_until_status(*execution, ExecutionStatus::aborted);
  EXPECT_THAT(execution->reason(), HasSubstr("restarted"));
}

TEST_F(ExecutionQueueTest, what_is_asked_for_while_a_restart_ends_the_old_process_runs_in_the_new_one) {
  options_.shutdown_wait_time = std::chrono::milliseconds(200);
  start(synthetic_spec({"--ignore-shutdown", "--ignore-interrupt"}));
  const auto running = submit("sleep 600000");
  const auto waiting = submit("print never");
  run_until_status(*running, ExecutionStatus::running);
  TaskGroup tasks(loop_.get_executor());
  tasks.spawn("restart", restart(*kernel_));
  run_until([&] { return kernel_->is_ending(); });
  const auto later = submit("print later");
  run(tasks.join());
  EXPECT_EQ(running->status(), ExecutionStatus::dead);
  EXPECT_EQ(waiting->status(), ExecutionStatus::aborted);
  EXPECT_THAT(read_all(*later), ElementsAre("execute_input", "later\n"));
  EXPECT_EQ(later->status(), ExecutionStatus::ok);
}

TEST_F(ExecutionQueueTest, what_a_client_class_refuses_ends_and_the_next_runs) {
  factories_.make_client = [](const std::string&, Conversation& conversation,
                              const Executor& executor) -> Result<std::unique_ptr<KernelClient>> {
    return std::make_unique<RefusingClient>(executor, conversation);
  };
  start();
  const auto refused = submit({.code = "print forbidden", .stop_on_error = false});
  const auto next = submit("print next");
  EXPECT_THAT(read_all(*refused), ElementsAre("error"));
  EXPECT_EQ(refused->status(), ExecutionStatus::error);
  EXPECT_EQ(refused->reply().at("ename"), "PermissionError");
  EXPECT_THAT(read_all(*next), ElementsAre("execute_input", "next\n"));
}

TEST_F(ExecutionQueueTest, the_code_that_waits_is_bounded) {
  start();
  const auto first = submit("sleep 600000");
  const std::string code(std::size_t{40} * 1024 * 1024, 'x');
  submit(code);
  const auto refused = queue_->submit({.code = code});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::resource_limit);
}

TEST_F(ExecutionQueueTest, the_queue_is_bounded) {
  start();
  const auto first = submit("sleep 600000");
  for (int i = 0; i < 1000; ++i) submit("echo");
  const auto refused = queue_->submit({.code = "echo"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::resource_limit);
}

}  // namespace
}  // namespace nextgen_kernels
