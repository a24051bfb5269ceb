#include "kernels/multi_kernel_manager.h"

#include "multi_kernel_fixture.h"

namespace nextgen_kernels {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class MultiKernelManagerTest : public MultiKernelFixture {};

TEST_F(MultiKernelManagerTest, kernels_are_found_by_id_and_listed_in_order) {
  const auto first = start();
  const auto second =
      start({.kernel_name = "synthetic", .kernel_id = "1-2-3-4-5", .path = {}, .environment = {}});
  EXPECT_EQ(second->kernel_id(), "1-2-3-4-5");
  EXPECT_EQ(kernels_->find_kernel(first->kernel_id()), first);
  EXPECT_THAT(kernels_->list_kernels(), ElementsAre(first, second));
  const auto unknown = kernels_->get_kernel("0-0-0-0-0");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().message, "Kernel does not exist: 0-0-0-0-0");
}

TEST_F(MultiKernelManagerTest, an_id_in_use_is_refused) {
  start({.kernel_name = {}, .kernel_id = "1-2-3-4-5", .path = {}, .environment = {}});
  const auto again = run(
      kernels_->start_kernel({.kernel_name = {}, .kernel_id = "1-2-3-4-5", .path = {}, .environment = {}}));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::already_exists);
}

TEST_F(MultiKernelManagerTest, an_id_that_could_leave_its_directory_is_refused) {
  for (const auto* id : {"../../a-b-c-d-e", "a-b-c-d", "", "a-b-c-d-e/x"}) {
    const auto started =
        run(kernels_->start_kernel({.kernel_name = {}, .kernel_id = id, .path = {}, .environment = {}}));
    ASSERT_FALSE(started) << id;
    EXPECT_EQ(started.error().code, ErrorCode::invalid_argument);
  }
}

TEST_F(MultiKernelManagerTest, what_cannot_start_is_not_listed) {
  for (const auto& [name, code] : {std::pair("missing", ErrorCode::unavailable),  // What its spec names.
                                   std::pair("unknown", ErrorCode::not_found)}) {
    const auto started =
        run(kernels_->start_kernel({.kernel_name = name, .kernel_id = {}, .path = {}, .environment = {}}));
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, code) << started.error().message;
  }
  EXPECT_TRUE(kernels_->list_kernels().empty());
}

TEST_F(MultiKernelManagerTest, a_kernel_that_a_client_shuts_down_is_forgotten_not_restarted) {
  const auto kernel = start();
  ASSERT_TRUE(run(kernel->wait_until_ready()));
  std::vector<std::string> removed;
  kernels_->on_kernel_removed([&](const std::string& id) { removed.push_back(id); });
  TestListener listener(*kernel->conversation(), "alice");
  ASSERT_TRUE(kernel->handle_incoming_message(
      make_request(Channel::control, "shutdown_request", R"({"restart":false})", "test").value(),
      listener.audience));
  run_until([&] { return !removed.empty(); });
  EXPECT_THAT(removed, ElementsAre(kernel->kernel_id()));
  EXPECT_EQ(kernel->restart_count(), 0);
  EXPECT_TRUE(listener.has("status dead"));
  EXPECT_FALSE(listener.has("status restarting"));
}

TEST_F(MultiKernelManagerTest, a_shutdown_request_that_says_restart_in_another_way_is_one_to_shut_down) {
  const auto kernel = start();
  ASSERT_TRUE(run(kernel->wait_until_ready()));
  std::vector<std::string> removed;
  kernels_->on_kernel_removed([&](const std::string& id) { removed.push_back(id); });
  TestListener listener(*kernel->conversation(), "alice");
  ASSERT_TRUE(kernel->handle_incoming_message(
      make_request(Channel::control, "shutdown_request", R"({"restart":"no"})", "test").value(),
      listener.audience));
  run_until([&] { return !removed.empty(); });
  EXPECT_THAT(removed, ElementsAre(kernel->kernel_id()));
}

TEST_F(MultiKernelManagerTest, observers_are_told_of_every_kernel_also_of_those_that_do_not_start) {
  std::vector<KernelEvent> events;
  kernels_->observe([&](const KernelEvent& event) { events.push_back(event); });
  EXPECT_FALSE(run(
      kernels_->start_kernel({.kernel_name = "missing", .kernel_id = {}, .path = {}, .environment = {}})));
  const auto kernel = start();
  ASSERT_TRUE(run(kernels_->shutdown_kernel(kernel->kernel_id())));
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[0].action, KernelAction::start);
  EXPECT_EQ(events[0].outcome, KernelEvent::Outcome::error);
  EXPECT_EQ(events[0].kernel_name, "missing");
  EXPECT_THAT(events[0].reason, HasSubstr("no-such-program"));
  EXPECT_EQ(events[1].kernel_id, kernel->kernel_id());
  EXPECT_EQ(events[2].action, KernelAction::shutdown);
}

TEST_F(MultiKernelManagerTest, a_kernel_that_nobody_uses_is_culled_and_its_listeners_are_told_why) {
  manager_options_.culling = {.cull_idle_timeout = std::chrono::milliseconds(100),
                              .cull_interval = std::chrono::milliseconds(20)};
  make_manager();
  const auto kernel = start();
  TestListener listener(*kernel->conversation(), "alice");
  std::vector<KernelEvent> culled;
  kernels_->observe([&](const KernelEvent& event) {
    if (event.action == KernelAction::cull) culled.push_back(event);
  });
  run_until([&] { return kernels_->list_kernels().empty(); });
  ASSERT_EQ(culled.size(), 1u);
  EXPECT_EQ(culled[0].kernel_id, kernel->kernel_id());
  EXPECT_THAT(culled[0].reason, HasSubstr("without activity"));
  const auto log = listener.log();
  ASSERT_GE(log.size(), 2u);
  EXPECT_THAT(log[log.size() - 2], HasSubstr("cull_idle_timeout"));
  EXPECT_EQ(log.back(), "status dead");
}

TEST_F(MultiKernelManagerTest, what_is_busy_or_connected_outlives_what_is_culled) {
  manager_options_.culling = {.cull_idle_timeout = std::chrono::milliseconds(100),
                              .cull_interval = std::chrono::milliseconds(20)};
  make_manager();
  const auto busy = start();
  TestListener listener(*busy->conversation(), "alice");
  execute(*busy, listener, "sleep 600000");
  const auto connected = start();
  connected->add_connection(KernelManager::ClientRole::user);
  const auto idle = start();
  idle->add_connection(KernelManager::ClientRole::watcher);
  EXPECT_EQ(idle->connections(), 1);
  run_until([&] { return busy->execution_state() == ExecutionState::busy; });
  run_until([&] { return kernels_->list_kernels().size() == 2; });
  EXPECT_THAT(kernels_->list_kernels(), ElementsAre(busy, connected));
  connected->remove_connection(KernelManager::ClientRole::user);
  run_until([&] { return kernels_->list_kernels().size() == 1; });
  EXPECT_THAT(kernels_->list_kernels(), ElementsAre(busy));
  ASSERT_TRUE(run(busy->interrupt_kernel()));
  run_until([&] { return kernels_->list_kernels().empty(); });
}

TEST_F(MultiKernelManagerTest, culling_dead_kernels_leaves_those_beside_them) {
  manager_options_.culling = {.cull_idle_timeout = std::chrono::hours(1),
                              .cull_interval = std::chrono::milliseconds(20)};
  write_spec(directory_ / "share" / "kernels" / "short-lived", {{"argv", {"true"}}});
  make_manager();
  std::vector<std::shared_ptr<KernelManager>> living;
  for (const auto* spec : {"short-lived", "synthetic", "short-lived", "short-lived", "synthetic"}) {
    const auto kernel = start({.kernel_name = spec, .kernel_id = {}, .path = {}, .environment = {}});
    if (std::string_view(spec) == "synthetic") living.push_back(kernel);
  }
  run_until([&] { return kernels_->list_kernels().size() <= living.size(); });
  EXPECT_EQ(kernels_->list_kernels(), living);
}

TEST_F(MultiKernelManagerTest, an_observer_may_begin_to_observe_when_it_is_told) {
  // Observers are told until the manager is gone.
  const auto told = std::make_shared<std::vector<std::string>>();
  kernels_->observe([this, told](const KernelEvent&) {
    told->emplace_back("first");
    if (told->size() > 1) return;
    for (int i = 0; i < 16; ++i)
      kernels_->observe([told](const KernelEvent&) { told->emplace_back("later"); });
  });
  start();
  EXPECT_THAT(*told, ElementsAre("first"));
}

TEST_F(MultiKernelManagerTest, a_client_that_asks_for_a_restart_gets_one_that_is_no_death) {
  options_.restarts = {.autorestart = false, .restart_limit = 0};
  const auto kernel = start();
  ASSERT_TRUE(run(kernel->wait_until_ready()));
  const auto process = kernel->provisioner_info().at("pid").get<pid_t>();
  kernels_->observe([this](const KernelEvent& event) { events_.push_back(event); });
  TestListener listener(*kernel->conversation(), "alice");
  const auto request = make_request(Channel::control, "shutdown_request", R"({"restart":true})", "test");
  ASSERT_TRUE(kernel->handle_incoming_message(*request, listener.audience));
  run_until([&] { return kernel->provisioner_info().value("pid", process) != process; });
  const auto ready = run(kernel->wait_until_ready());
  ASSERT_TRUE(ready) << ready.error().message;
  EXPECT_EQ(kernels_->find_kernel(kernel->kernel_id()), kernel);
  EXPECT_FALSE(process_exists(process));
  EXPECT_EQ(kernel->restart_count(), 1);
  EXPECT_EQ(kernel->reason(), "");
  EXPECT_THAT(listener.log(), Not(Contains(HasSubstr("stream"))));
  EXPECT_FALSE(listener.has("status restarting")) << "that would tell of a death";
  ASSERT_EQ(events_.size(), 1u);
  EXPECT_EQ(events_[0].action, KernelAction::restart);
  execute_and_wait(*kernel, listener, "print again");
  EXPECT_TRUE(listener.has("stream again\n"));
}

TEST_F(MultiKernelManagerTest, a_refused_shutdown_does_not_hide_a_later_death) {
  options_.shutdown_wait_time = std::chrono::milliseconds(1);
  write_spec(directory_ / "share" / "kernels" / "unwilling",
             {{"argv", {SYNTHETIC_KERNEL, "{connection_file}", "--ignore-shutdown"}}});
  const auto kernel = start({.kernel_name = "unwilling", .kernel_id = {}, .path = {}, .environment = {}});
  ASSERT_TRUE(run(kernel->wait_until_ready()));
  TestListener listener(*kernel->conversation(), "alice");
  const auto request = make_request(Channel::control, "shutdown_request", R"({"restart":false})", "test");
  ASSERT_TRUE(kernel->handle_incoming_message(*request, listener.audience));
  run_until([&] { return listener.has("status idle"); });
  execute_and_wait(*kernel, listener, "sleep 20");
  execute(*kernel, listener, "die 3");
  run_until([&] { return listener.has("status restarting") || kernels_->list_kernels().empty(); });
  EXPECT_EQ(kernels_->find_kernel(kernel->kernel_id()), kernel);
  EXPECT_EQ(kernel->restart_count(), 1);
  EXPECT_THAT(kernel->reason(), HasSubstr("exited with status 3"));
}

TEST_F(MultiKernelManagerTest, a_dead_kernel_does_not_count_for_the_limit) {
  manager_options_.max_kernels = 1;
  make_manager();
  const Gate gate(directory_ / "gate");
  write_spec(directory_ / "share" / "kernels" / "ends",
             {{"argv", {"/bin/sh", "-c", "read line < " + (directory_ / "gate").string()}}});
  const auto dead = start({.kernel_name = "ends", .kernel_id = {}, .path = {}, .environment = {}});
  const auto refused = run(kernels_->start_kernel({}));
  ASSERT_FALSE(refused) << "it starts";
  EXPECT_EQ(refused.error().code, ErrorCode::resource_limit);
  gate.open();
  ASSERT_FALSE(run(dead->wait_until_ready()));
  const auto kernel = start();
  ASSERT_NE(kernel, nullptr);
  const auto restarted = run(kernels_->restart_kernel(dead->kernel_id()));
  ASSERT_FALSE(restarted) << "two would run";
  EXPECT_EQ(restarted.error().code, ErrorCode::resource_limit);
  EXPECT_TRUE(run(kernels_->restart_kernel(kernel->kernel_id())));
}

TEST_F(MultiKernelManagerTest, time_in_which_the_server_was_stopped_is_no_idle_time) {
  using std::chrono::steady_clock;
  constexpr auto timeout = std::chrono::seconds(1);
  manager_options_.culling = {.cull_idle_timeout = timeout, .cull_interval = std::chrono::milliseconds(1)};
  make_manager();
  const auto kernel = start();
  ASSERT_TRUE(run(kernel->wait_until_ready()));
  const auto idle_before = kernel->conversation()->idle_time();
  ASSERT_LT(idle_before, timeout);
  // As if the process had got SIGSTOP.
  for (const auto end = steady_clock::now() + 2 * timeout; steady_clock::now() < end;) {
  }
  ASSERT_GT(kernel->conversation()->idle_time(), timeout);
  run_until(
      [&] { return kernels_->list_kernels().empty() || kernel->conversation()->idle_time() < timeout; });
  EXPECT_THAT(kernels_->list_kernels(), ElementsAre(kernel));
  run_until([&] { return kernels_->list_kernels().empty(); });
}

TEST_F(MultiKernelManagerTest, shutdown_removes_and_tells) {
  const auto kernel = start();
  std::vector<std::string> removed;
  kernels_->on_kernel_removed([&](const std::string& id) { removed.push_back(id); });
  ASSERT_TRUE(run(kernels_->shutdown_kernel(kernel->kernel_id())));
  EXPECT_THAT(removed, ElementsAre(kernel->kernel_id()));
  const auto again = run(kernels_->shutdown_kernel(kernel->kernel_id()));
  ASSERT_FALSE(again);
  EXPECT_THAT(again.error().message, HasSubstr("Kernel does not exist"));
}

TEST_F(MultiKernelManagerTest, a_stopping_server_ends_all_kernels_and_starts_no_more) {
  const auto first = start();
  const auto second = start();
  std::vector<pid_t> processes;
  for (const auto& kernel : {first, second})
    processes.push_back(kernel->provisioner_info().at("pid").get<pid_t>());
  run(kernels_->shutdown_all({std::chrono::seconds(4)}));
  EXPECT_TRUE(kernels_->list_kernels().empty());
  for (const auto process : processes) EXPECT_FALSE(process_exists(process));
  EXPECT_EQ(first->provisioner_info(), nlohmann::json::object());
  const auto started = run(kernels_->start_kernel({}));
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::unavailable);
}

TEST_F(MultiKernelManagerTest, a_path_becomes_the_nearest_existing_directory_below_the_root) {
  const auto root = directory_ / "root";
  const auto directory_of = [this](const std::string& path) {
    return run(kernels_->find_working_directory("ada", path)).value();
  };
  EXPECT_EQ(directory_of(""), root);
  EXPECT_EQ(directory_of("sub/notebook.ipynb"), root / "sub");
  EXPECT_EQ(directory_of("/sub/"), root / "sub");
  EXPECT_EQ(directory_of("nowhere/at/all.ipynb"), root);
  EXPECT_EQ(directory_of("nowhere/../sub/./notebook.ipynb"), root / "sub");
  EXPECT_EQ(directory_of("../../etc"), root);
  EXPECT_EQ(directory_of("sub/../../root/sub"), root);
  std::filesystem::create_directory_symlink("sub", root / "link");
  EXPECT_EQ(directory_of("link/notebook.ipynb"), root / "link");
  EXPECT_EQ(directory_of(std::string(1000, 'x') + "/sub"), root);
}

TEST_F(MultiKernelManagerTest, a_path_of_many_components_is_walked_once) {
  std::string deep;
  for (int i = 0; i < 1000; ++i) deep += "a/";
  const auto root = directory_ / "root";
  std::filesystem::create_directories(root / deep);
  EXPECT_EQ(run(kernels_->find_working_directory("ada", deep + "b.ipynb")).value(),
            root / deep.substr(0, deep.size() - 1));
  std::string longer;
  for (int i = 0; i < 1'000'000; ++i) longer += "b/";
  EXPECT_EQ(run(kernels_->find_working_directory("ada", longer)).value(), root);
}

TEST_F(MultiKernelManagerTest, what_a_caller_asks_for_reaches_the_kernel_process) {
  const auto kernel =
      start({.kernel_name = {}, .kernel_id = {}, .path = "sub", .environment = {{"GREETING", "hi"}}});
  ASSERT_TRUE(run(kernel->wait_until_ready()));  // Until exec has ended its environment cannot be read.
  const auto process = std::to_string(kernel->provisioner_info().at("pid").get<pid_t>());
  EXPECT_EQ(std::filesystem::read_symlink("/proc/" + process + "/cwd"), directory_ / "root" / "sub");
  std::ifstream environment("/proc/" + process + "/environ");
  const std::string text(std::istreambuf_iterator<char>(environment), {});
  EXPECT_THAT(text, HasSubstr(std::string("GREETING=hi\0", 12)));
}

}  // namespace
}  // namespace nextgen_kernels
