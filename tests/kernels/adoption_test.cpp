#include <fstream>

#include <signal.h>

#include "kernel_fixture.h"
#include "kernel_recorder.h"
#include "runtime/process_search.h"

namespace nextgen_kernels {
namespace {

using testing::HasSubstr;

/// A kernel of one manager, adopted by another as if the first were gone.
class AdoptionTest : public KernelFixture {
 protected:
  AdoptionTest() {
    options_.recorder = &recorder_;
    options_.restarts.autorestart = false;
    provisioner_options_.lifetime = ChildLifetime::own;
  }
  ~AdoptionTest() override {
    for (const auto& kernel : {adopter_, kernel_})  // Before the recorder goes.
      if (kernel != nullptr) run(kernel->shutdown_kernel({std::chrono::seconds(2)}));
  }

  AbandonedKernel abandon(const std::vector<std::string>& more = {}) {
    start_kernel(synthetic_spec(more));
    return {.record = KernelRecord::parse(recorder_.records.at(kernel_->kernel_id()).to_json()).value(),
            .seen = Timestamp(std::chrono::seconds(1'700'000'000))};
  }

  KernelManager& adopter_of(const AbandonedKernel& abandoned) {
    // The first manager is not gone, and removes its connection file when it sees the end of the process;
    // that must not be the file of the one that the adopter starts then.
    provisioner_options_.runtime_dir = directory_ / "adopter";
    std::filesystem::create_directory(provisioner_options_.runtime_dir);
    adopter_ = std::make_shared<KernelManager>(loop_.get_executor(),
                                               KernelLaunch{.kernel_id = abandoned.record.kernel_id,
                                                            .spec = kernel_->kernel_spec(),
                                                            .environment = abandoned.record.environment,
                                                            .working_directory = directory_},
                                               factories_, options_);
    adopter_->on_event = [this](const KernelEvent& event) { events_.push_back(event); };
    return *adopter_;
  }

  MemoryRecorder recorder_;
  std::vector<KernelEvent> events_;
  std::shared_ptr<KernelManager> adopter_;
};

TEST_F(AdoptionTest, begins_with_a_notice_and_goes_on) {
  auto abandoned = abandon();
  abandoned.record.listeners = {"alice"};
  const auto before = pid();
  auto& kernel = adopter_of(abandoned);
  TestListener listener(*kernel.conversation(), "alice");
  const auto adopted = run(kernel.adopt_kernel(abandoned));
  ASSERT_TRUE(adopted) << adopted.error().message;
  EXPECT_EQ(kernel.execution_state(), ExecutionState::idle);
  ASSERT_FALSE(listener.log().empty());
  EXPECT_THAT(listener.log().front(), HasSubstr("between 2023-11-14T22:13:20"));
  EXPECT_EQ(kernel.adoption()->journal_id, abandoned.record.journal_id);
  EXPECT_NE(kernel.conversation()->places().find_newest("alice"), nullptr);
  ASSERT_FALSE(events_.empty());
  EXPECT_EQ(events_.back().action, KernelAction::adopted);
  execute_and_wait(kernel, listener, "print hello");

  ASSERT_TRUE(run(kernel.restart_kernel()));
  ASSERT_TRUE(run(kernel.wait_until_ready()));
  EXPECT_NE(kernel.provisioner_info().at("pid").get<pid_t>(), before);
  execute_and_wait(kernel, listener, "print again");
}

TEST_F(AdoptionTest, its_death_is_told_and_its_record_removed) {
  const auto abandoned = abandon();
  auto& kernel = adopter_of(abandoned);
  ASSERT_TRUE(run(kernel.adopt_kernel(abandoned)));
  EXPECT_EQ(recorder_.records.size(), 1U);
  ASSERT_EQ(::kill(pid(), SIGKILL), 0);
  run_until([&] { return kernel.execution_state() == ExecutionState::dead; });
  EXPECT_THAT(kernel.reason(), HasSubstr("not known"));
  EXPECT_EQ(recorder_.records.size(), 0U);
}

TEST_F(AdoptionTest, a_process_that_only_has_the_id_is_left_alone) {
  auto abandoned = abandon();
  auto& start_time = abandoned.record.provisioner["start_time"];
  start_time = start_time.get<std::uint64_t>() + 1;
  auto& kernel = adopter_of(abandoned);
  const auto adopted = run(kernel.adopt_kernel(abandoned));
  ASSERT_FALSE(adopted);
  EXPECT_EQ(adopted.error().code, ErrorCode::not_found);
  EXPECT_FALSE(kernel.has_process());
  run(kernel.shutdown_kernel({std::chrono::seconds(2)}));
  EXPECT_TRUE(process_exists(pid()));
}

TEST_F(AdoptionTest, a_record_without_a_process_is_refused) {
  auto abandoned = abandon();
  for (const auto& provisioner :
       {nlohmann::json(nullptr), nlohmann::json::object(), nlohmann::json{{"pid", -1}, {"start_time", 5}}}) {
    abandoned.record.provisioner = provisioner;
    EXPECT_FALSE(run(adopter_of(abandoned).adopt_kernel(abandoned)));
  }
  EXPECT_TRUE(process_exists(pid()));
}

TEST_F(AdoptionTest, a_key_that_the_connection_file_does_not_have_is_refused) {
  auto abandoned = abandon();
  abandoned.record.connection_info["key"] = "wrong";
  const auto adopted = run(adopter_of(abandoned).adopt_kernel(abandoned));
  ASSERT_FALSE(adopted);
  EXPECT_THAT(adopted.error().message, HasSubstr("another key"));
  EXPECT_TRUE(adopter_->has_process());
}

TEST_F(AdoptionTest, a_kernel_that_was_to_end_with_its_server_is_refused) {
  provisioner_options_.lifetime = ChildLifetime::ours;
  const auto abandoned = abandon();
  const auto adopted = run(adopter_of(abandoned).adopt_kernel(abandoned));
  ASSERT_FALSE(adopted);
  EXPECT_THAT(adopted.error().message, HasSubstr("to end with its server"));
}

TEST_F(AdoptionTest, the_record_has_the_sessions_that_are_connected_and_those_that_were_last) {
  abandon();
  auto& places = kernel_->conversation()->places();
  const auto connect = [&](const std::string& session) {
    auto place = places.open(places.new_stream(), session, FrameAccount(1, 1));
    kernel_->add_connection(KernelManager::ClientRole::user);
    kernel_->remove_connection(KernelManager::ClientRole::user);
    return place;
  };
  const auto tab = connect("tab");
  const auto back = connect("back");
  places.close(*back);
  for (int i = 0; i < 150; ++i) places.close(*connect(std::to_string(i)));
  places.close(*connect("back"));
  connect("newest");
  const auto& listeners = recorder_.records.at(kernel_->kernel_id()).listeners;
  EXPECT_THAT(listeners, testing::SizeIs(100));
  EXPECT_THAT(listeners, testing::IsSupersetOf({"tab", "back", "newest", "149"}));
  places.close(*tab);
}

TEST_F(AdoptionTest, the_record_names_clients_that_are_gone_while_they_are_owed_a_reply) {
  const auto clients_recorded = [&] {
    return recorder_.records.at(kernel_->kernel_id()).client.at("identities").size();
  };
  auto abandoned = abandon();
  EXPECT_EQ(clients_recorded(), 1U);
  TestListener asker(*kernel_->conversation(), "asker");
  execute(*kernel_, asker, "input name?");
  run_until([&] { return asker.has("input_request"); });
  auto& adopter = adopter_of(abandoned);
  ASSERT_TRUE(run(adopter.adopt_kernel(abandoned)));
  EXPECT_EQ(adopter.execution_state(), ExecutionState::busy);
  EXPECT_EQ(clients_recorded(), 2U);

  auto reply = make_request(Channel::stdin_, "input_reply", R"({"value": "me"})", "test").value();
  ASSERT_TRUE(adopter.handle_incoming_message(std::move(reply), Audience::everybody));
  run_until([&] { return adopter.execution_state() == ExecutionState::idle; });
  EXPECT_EQ(clients_recorded(), 1U);
}

TEST_F(AdoptionTest, a_shutdown_ends_the_record) {
  abandon();
  run(kernel_->shutdown_kernel({std::chrono::seconds(2)}));
  EXPECT_TRUE(recorder_.records.empty());
}

/// Looks at the file that a kernel makes at once, when what is recorded must be on disk.
class LaunchRecorder final : public KernelRecorder {
 public:
  explicit LaunchRecorder(std::filesystem::path trace) : trace_(std::move(trace)) {}
  void put(const KernelRecord& record) override { last_ = record; }
  void remove(const std::string&) override { last_.reset(); }
  Task<Result<void>> written() override {
    if (last_) written_records.push_back(*last_);
    existed.push_back(std::filesystem::exists(trace_));
    co_return Result<void>{};
  }

  std::vector<KernelRecord> written_records;
  std::vector<bool> existed;  ///< The file, at that time.

 private:
  std::filesystem::path trace_;
  std::optional<KernelRecord> last_;
};

TEST_F(AdoptionTest, a_launch_is_on_disk_before_the_process_is_there_and_the_process_before_the_answer) {
  LaunchRecorder recorder(directory_ / "trace");
  options_.recorder = &recorder;
  auto& kernel = make_kernel(shell_spec("touch trace; printenv NEXTGEN_KERNELS_LAUNCH > mark; sleep 3600"));
  ASSERT_TRUE(run(kernel.start_kernel()));
  ASSERT_EQ(recorder.written_records.size(), 2U);
  const auto& intent = recorder.written_records[0];
  const auto& launched = recorder.written_records[1];
  EXPECT_FALSE(recorder.existed[0]);
  EXPECT_TRUE(intent.is_launching);
  EXPECT_FALSE(intent.launch_token.empty());
  EXPECT_FALSE(launched.is_launching);
  EXPECT_EQ(launched.provisioner.at("pid").get<pid_t>(), pid());
  run_until([this] {
    return std::filesystem::exists(directory_ / "mark") &&
           std::filesystem::file_size(directory_ / "mark") > 0;
  });
  std::string mark;
  std::ifstream(directory_ / "mark") >> mark;
  EXPECT_EQ(mark, intent.launch_token + ".1");
  run(kernel.shutdown_kernel({std::chrono::seconds(2)}));  // Before the recorder goes.
}

TEST_F(AdoptionTest, a_kernel_that_cannot_be_recorded_is_not_started) {
  recorder_.is_full = true;
  auto& kernel = make_kernel(shell_spec("touch trace; sleep 3600"));
  const auto started = run(kernel.start_kernel());
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::unavailable);
  EXPECT_THAT(started.error().message, HasSubstr("not started"));
  EXPECT_THAT(started.error().message, HasSubstr("The disk is full"));
  EXPECT_FALSE(kernel.has_process());
  EXPECT_FALSE(std::filesystem::exists(directory_ / "trace"));
  EXPECT_TRUE(recorder_.records.empty());
}

TEST_F(AdoptionTest, a_restart_needs_no_room_on_the_disk_and_its_process_is_found) {
  const auto before_restart = abandon();
  recorder_.is_full = true;
  ASSERT_TRUE(run(kernel_->restart_kernel()));
  ASSERT_TRUE(run(kernel_->wait_until_ready()));
  const auto mark = LaunchMark{.token = before_restart.record.launch_token, .number = 2}.to_string();
  const auto processes = find_marked_processes(LaunchMark::variable);
  const auto process = std::ranges::find(processes, mark, &MarkedProcess::value);
  ASSERT_NE(process, processes.end());
  EXPECT_EQ(process->identity.pid, pid());

  recorder_.is_full = false;
  auto abandoned = before_restart;
  abandoned.record.has_answered = false;
  abandoned.newer_process = process->identity;
  provisioner_options_.lifetime = ChildLifetime::own;
  auto& kernel = adopter_of(abandoned);
  TestListener listener(*kernel.conversation(), "alice");
  const auto adopted = run(kernel.adopt_kernel(abandoned));
  ASSERT_TRUE(adopted) << adopted.error().message;
  ASSERT_TRUE(run(kernel.wait_until_ready()));
  execute_and_wait(kernel, listener, "print hello");
}

TEST(LaunchMarkTest, is_read_as_it_was_written) {
  const auto mark = LaunchMark::parse(LaunchMark{.token = "0123abcd", .number = 42}.to_string());
  ASSERT_TRUE(mark);
  EXPECT_EQ(mark->token, "0123abcd");
  EXPECT_EQ(mark->number, 42);
  for (const auto* wrong : {"", "token", "token.", "token.x", "token.1x", "token.99999999999999"})
    EXPECT_FALSE(LaunchMark::parse(wrong)) << wrong;
}

}  // namespace
}  // namespace nextgen_kernels
