#include "server/event_bus.h"
#include "server_fixture.h"

namespace nextgen_kernels {
namespace {

using testing::HasSubstr;

class EventsTest : public ServerFixture {
 protected:
  EventsTest() { settings_.websockets.close_timeout = std::chrono::milliseconds(100); }

  TestWebSocket subscribe(const std::string& query = "") {
    return TestWebSocket(port_, "/api/events/subscribe?token=secret-token" + query);
  }

  /// Tries again as long as all WebSockets are in use.
  TestWebSocket subscribe_when_possible() {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (true) {
      try {
        return subscribe();
      } catch (const std::runtime_error& refused) {
        EXPECT_STREQ(refused.what(), "refused: 503");
        if (std::chrono::steady_clock::now() > limit) throw;
      }
    }
  }

  /// Posts an event; gives the status.
  unsigned post(const nlohmann::json& body) { return request("POST", "/api/events", body.dump()).status; }

  static nlohmann::json action(const std::string& message) {
    return {{"schema_id", kernel_actions_schema},
            {"version", "1"},
            {"data", {{"action", "start"}, {"status", "success"}, {"msg", message}}}};
  }

  static nlohmann::json next(TestWebSocket& socket) {
    const auto message = socket.receive_message();
    EXPECT_TRUE(message);
    EXPECT_EQ(message->opcode, WebSocketOpcode::text);
    return nlohmann::json::parse(message->payload);
  }
};

TEST_F(EventsTest, what_one_client_posts_all_listeners_are_told) {
  start();
  auto first = subscribe();
  auto second = subscribe();
  auto event = action("Kernel x was started.");
  event["timestamp"] = "2026-01-31T12:00:00.000001Z";
  event["data"]["more"] = 3;
  EXPECT_EQ(post(event), 204u);
  for (auto* socket : {&first, &second}) {
    EXPECT_EQ(next(*socket), nlohmann::json({{"schema_id", kernel_actions_schema},
                                             {"__timestamp__", "2026-01-31T12:00:00.000001Z"},
                                             {"__schema_version__", "1"},
                                             {"__metadata_version__", 1},
                                             {"action", "start"},
                                             {"status", "success"},
                                             {"msg", "Kernel x was started."},
                                             {"more", 3}}));
  }
}

TEST_F(EventsTest, events_are_checked_against_their_schema) {
  start();
  auto socket = subscribe();
  const auto without = [](const std::string& field) {
    auto event = action("x");
    event.erase(field);
    return event;
  };
  const auto with = [](const std::string& pointer, const nlohmann::json& value) {
    auto event = action("x");
    event[nlohmann::json::json_pointer(pointer)] = value;
    return event;
  };
  for (const auto& bad :
       {without("schema_id"), without("version"), without("data"), with("/schema_id", "https://unknown"),
        with("/schema_id", 3), with("/version", "2"), with("/version", nullptr), with("/data", 3),
        with("/data/action", "explode"), with("/data/action", 3), with("/data/msg", nullptr),
        with("/data/kernel_id", 3), with("/data/status_code", "x"), with("/timestamp", "yesterday"),
        nlohmann::json::array()})
    EXPECT_EQ(post(bad), 400u) << bad;
  EXPECT_EQ(post(with("/version", 1)), 204u);
  EXPECT_EQ(next(socket).at("msg"), "x");
  EXPECT_EQ(request("POST", "/api/events", "{\"data\":" + std::string(100'000, '[')).status, 400u);
  EXPECT_EQ(post(action(std::string(1024 * 1024, 'x'))), 413u);
}

TEST_F(EventsTest, the_schemas_can_be_looked_at) {
  start();
  const auto schemas = request("GET", "/api/nextgen/events/schemas").json();
  std::set<std::string> ids;
  for (const auto& schema : schemas) {
    ids.insert(schema.at("$id"));
    for (const auto& name : schema.at("required")) EXPECT_TRUE(schema.at("properties").contains(name));
  }
  EXPECT_TRUE(ids.contains(std::string(kernel_actions_schema)));
  EXPECT_TRUE(ids.contains(std::string(messages_lost_schema)));
}

TEST_F(EventsTest, strangers_do_not_listen) {
  start();
  EXPECT_EQ(request_with("", "GET", "/api/events/subscribe").status, 403u);
  EXPECT_EQ(request("GET", "/api/events/subscribe").status, 400u);
  for (const std::string bad : {"0", "-1", "x", "3601", "1x", ""})
    EXPECT_THROW(subscribe("&resource_usage=" + bad), std::runtime_error) << bad;
}

TEST_F(EventsTest, foreign_pages_do_not_listen) {
  settings_.token = "";
  start();
  EXPECT_THROW(TestWebSocket(port_, "/api/events/subscribe", "Origin: https://evil.example\r\n"),
               std::runtime_error);
}

TEST_F(EventsTest, pings_are_answered_and_goodbyes_returned) {
  start();
  auto socket = subscribe();
  socket.send_frame(WebSocketOpcode::text, "means nothing");
  socket.send_frame(WebSocketOpcode::ping, "here?");
  const auto pong = socket.receive();
  EXPECT_EQ(pong->opcode, WebSocketOpcode::pong);
  EXPECT_EQ(pong->payload, "here?");
  socket.send_frame(WebSocketOpcode::close, close_payload(1000, ""));
  EXPECT_EQ(socket.receive_close(), 1000);
  EXPECT_EQ(post(action("nobody listens")), 204u);
}

TEST_F(EventsTest, broken_frames_end_the_socket) {
  start();
  auto socket = subscribe();
  socket.send_raw(std::string(14, '\xff'));
  EXPECT_EQ(socket.receive_close(), 1002);
}

TEST_F(EventsTest, a_listener_that_does_not_read_is_cut_off_and_slows_nobody) {
  settings_.websockets.most_sockets = 2;
  start();
  auto slow = subscribe();
  auto quick = subscribe();
  const std::string text(500'000, 'x');
  const auto event =
      make_request_text("Authorization: token secret-token\r\n", "POST", "/api/events", action(text).dump());
  TestConnection connection(port_);
  // More than the queue holds and the buffers of both sockets take.
  for (int i = 0; i < 60; ++i) {
    connection.send(event);
    ASSERT_EQ(connection.receive("POST").status, 204u);
    ASSERT_EQ(next(quick).at("msg"), text);
  }
  // Its place becomes free although it has read nothing.
  auto another = subscribe_when_possible();
  EXPECT_EQ(post(action("heard")), 204u);
  EXPECT_EQ(next(another).at("msg"), "heard");
  EXPECT_EQ(slow.receive_close(), 0);
}

TEST_F(EventsTest, a_listener_that_takes_no_goodbye_is_cut_off) {
  settings_.websockets.most_sockets = 1;
  start();
  auto stalled = subscribe();
  const std::string text(500'000, 'x');
  // Less than the queue holds, and more than the system takes for a client that reads nothing.
  for (int i = 0; i < 8; ++i) ASSERT_EQ(post(action(text)), 204u);
  stalled.send_frame(WebSocketOpcode::close, close_payload(1000, ""));
  subscribe_when_possible();
}

TEST_F(EventsTest, what_is_done_to_kernels_is_told) {
  start();
  auto socket = subscribe();
  const auto id = start_kernel();
  const auto started = next(socket);
  EXPECT_EQ(started.at("schema_id"), kernel_actions_schema);
  EXPECT_EQ(started.at("action"), "start");
  EXPECT_EQ(started.at("status"), "success");
  EXPECT_EQ(started.at("kernel_id"), id);
  EXPECT_EQ(started.at("kernel_name"), "test");
  EXPECT_EQ(started.at("msg"), "Kernel " + id + " was started.");
  wait_until([&] { return kernels_->find_kernel(id)->execution_state() == ExecutionState::idle; });
  request("POST", "/api/kernels/" + id + "/interrupt");
  EXPECT_EQ(next(socket).at("msg"), "Kernel " + id + " was interrupted.");
  request("POST", "/api/kernels/" + id + "/restart");
  EXPECT_EQ(next(socket).at("msg"), "Kernel " + id + " was restarted.");
  request("DELETE", "/api/kernels/" + id);
  EXPECT_EQ(next(socket).at("msg"), "Kernel " + id + " was shutdown.");
  const auto metrics = request("GET", "/metrics").body;
  for (const auto* action : {"start", "interrupt", "restart", "shutdown"}) {
    EXPECT_THAT(metrics,
                HasSubstr(fmt::format(
                    "nextgen_kernels_kernel_events_total{{action=\"{}\",status=\"success\"}} 1\n", action)));
  }
}

TEST_F(EventsTest, what_could_not_be_done_is_told_with_the_reason) {
  script_.launch_error = Error{ErrorCode::io, "no more processes"};
  start();
  auto socket = subscribe();
  EXPECT_EQ(request("POST", "/api/kernels").status, 500u);
  const auto failed = next(socket);
  EXPECT_EQ(failed.at("action"), "start");
  EXPECT_EQ(failed.at("status"), "error");
  EXPECT_EQ(failed.at("msg"), "no more processes");
}

TEST_F(EventsTest, starts_that_are_refused_are_told_with_their_status) {
  manager_options_.max_kernels = 1;
  start();
  auto socket = subscribe();
  const auto expect_failure = [&](const std::string& name, unsigned status, const std::string& reason) {
    const auto failed = next(socket);
    EXPECT_EQ(failed.at("action"), "start");
    EXPECT_EQ(failed.at("status"), "error");
    EXPECT_EQ(failed.at("kernel_name"), name);
    EXPECT_EQ(failed.at("status_code"), status);
    EXPECT_THAT(failed.at("msg").get<std::string>(), HasSubstr(reason));
    return failed;
  };
  EXPECT_EQ(request("POST", "/api/kernels", R"({"name": "nope"})").status, 404u);
  EXPECT_FALSE(expect_failure("nope", 404, "nope").contains("kernel_id"));
  EXPECT_EQ(
      request("POST", "/api/sessions", R"({"path": "a", "type": "x", "kernel": {"name": "nope"}})").status,
      501u);
  expect_failure("nope", 404, "nope");
  const auto id = start_kernel();
  EXPECT_EQ(next(socket).at("status"), "success");
  EXPECT_EQ(request("POST", "/api/kernels", R"({"name": "other", "kernel_id": ")" + id + R"("})").status,
            409u);
  EXPECT_EQ(expect_failure("other", 409, "already exists").at("kernel_id"), id);
  EXPECT_EQ(request("POST", "/api/kernels").status, 403u);
  expect_failure("test", 403, "Resource Limit");
  EXPECT_THAT(request("GET", "/metrics").body,
              HasSubstr("nextgen_kernels_kernel_events_total{action=\"start\",status=\"error\"} 4\n"));
}

TEST_F(EventsTest, what_fails_is_told_with_the_status_of_the_answer) {
  start();
  const auto id = start_kernel();
  auto socket = subscribe();
  on_loop([&] { script_.interrupt_error = Error{ErrorCode::not_found, "gone"}; });
  EXPECT_EQ(request("POST", "/api/kernels/" + id + "/interrupt").status, 500u);
  const auto failed = next(socket);
  EXPECT_EQ(failed.at("action"), "interrupt");
  EXPECT_EQ(failed.at("status_code"), 500);
}

TEST_F(EventsTest, that_nobody_uses_a_kernel_is_told) {
  manager_options_.culling = {.cull_idle_timeout = std::chrono::milliseconds(200),
                              .cull_interval = std::chrono::milliseconds(20)};
  start();
  auto socket = subscribe();
  const auto id = start_kernel();
  EXPECT_EQ(next(socket).at("action"), "start");
  const auto culled = next(socket);
  EXPECT_EQ(culled.at("schema_id"), kernel_culled_schema);
  EXPECT_EQ(culled.at("kernel_id"), id);
  EXPECT_THAT(culled.at("reason").get<std::string>(), HasSubstr("cull_idle_timeout"));
}

TEST_F(EventsTest, that_a_kernel_does_not_answer_and_answers_again_is_told) {
  start();
  const auto id = start_kernel();
  wait_until([&] { return kernels_->find_kernel(id)->execution_state() == ExecutionState::idle; });
  auto socket = subscribe();
  on_loop([&] {
    script_.silent_since = std::chrono::steady_clock::now();
    script_.client->on_liveness_change();
    script_.silent_since.reset();
    script_.client->on_liveness_change();
  });
  const auto silent = next(socket);
  EXPECT_EQ(silent.at("schema_id"), kernel_responsiveness_schema);
  EXPECT_EQ(silent.at("kernel_id"), id);
  EXPECT_EQ(silent.at("responsive"), false);
  EXPECT_THAT(silent.at("reason").get<std::string>(), HasSubstr("has not answered since"));
  EXPECT_EQ(next(socket).at("responsive"), true);
}

TEST_F(EventsTest, what_becomes_of_kernels_of_a_server_that_is_gone_is_told) {
  start();
  auto socket = subscribe();
  const auto take_over = [&](const std::string& id, const std::string& provisioner) {
    KernelRecord record{.kernel_id = id,
                        .kernel_name = "test",
                        .environment = {},
                        .working_directory = directory_,
                        .provisioner_class = "tests.provisioners:ScriptedProvisioner",
                        .provisioner = provisioner,
                        .connection_info = nlohmann::json::object(),
                        .client = nullptr,
                        .journal_id = "j",
                        .listeners = {}};
    std::vector<AbandonedKernel> abandoned;
    abandoned.push_back({.record = std::move(record), .seen = Timestamp::clock::now()});
    run(kernels_->adopt_kernels(std::move(abandoned), MultiKernelManager::AdoptionPolicy::adopt));
  };
  take_over("1-2-3-4-5", "adoptable");
  const auto adopted = next(socket);
  EXPECT_EQ(adopted.at("schema_id"), kernel_adopted_schema);
  EXPECT_EQ(adopted.at("kernel_id"), "1-2-3-4-5");
  EXPECT_THAT(adopted.at("reason").get<std::string>(), HasSubstr("another one has adopted it"));
  take_over("1-2-3-4-6", "broken");
  const auto ended = next(socket);
  EXPECT_EQ(ended.at("schema_id"), kernel_orphan_ended_schema);
  EXPECT_EQ(ended.at("kernel_id"), "1-2-3-4-6");
  EXPECT_THAT(ended.at("reason").get<std::string>(), HasSubstr("not to be had"));
}

TEST_F(EventsTest, the_end_of_the_server_is_told) {
  start();
  auto socket = subscribe();
  std::thread stopping([this] { stop(); });
  EXPECT_EQ(socket.receive_close(), 1012);
  socket.send_frame(WebSocketOpcode::close, close_payload(1012, ""));
  stopping.join();
}

}  // namespace
}  // namespace nextgen_kernels
