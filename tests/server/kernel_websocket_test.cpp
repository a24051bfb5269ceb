#include "server/kernel_websocket.h"

#include "kernel_websocket_fixture.h"
#include "server/event_bus.h"

namespace nextgen_kernels {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// The handshake
// -----------------------------------------------------------------------------------------------------

TEST_F(KernelWebSocketTest, speaks_v1_to_those_who_offer_it) {
  start();
  const auto id = start_ready_kernel();
  EXPECT_EQ(open_v1(id).handshake.header("Sec-WebSocket-Protocol"), v1_subprotocol);
  EXPECT_EQ(open_websocket(id, "", "Sec-WebSocket-Protocol: other, v1.kernel.websocket.jupyter.org\r\n")
                .handshake.header("Sec-WebSocket-Protocol"),
            v1_subprotocol);
  EXPECT_EQ(open_websocket(id).handshake.header("Sec-WebSocket-Protocol"), "");
  EXPECT_EQ(
      open_websocket(id, "", "Sec-WebSocket-Protocol: other\r\n").handshake.header("Sec-WebSocket-Protocol"),
      "");
  EXPECT_EQ(open_websocket(id).handshake.header("Sec-WebSocket-Accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST_F(KernelWebSocketTest, refuses_bad_upgrades) {
  start();
  const auto target = "/api/kernels/" + start_kernel() + "/channels";
  const std::string token = "Authorization: token secret-token\r\n";
  const std::string upgrade =
      "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
  const std::string version = "Sec-WebSocket-Version: 13\r\n";
  EXPECT_EQ(refused(target, upgrade + version), 403u);
  EXPECT_EQ(refused(target + "?token=wrong", upgrade + version), 403u);
  EXPECT_EQ(refused("/api/kernels/1-2-3-4-5/channels", token + upgrade + version), 404u);
  EXPECT_EQ(refused(target, token), 400u);
  EXPECT_EQ(refused(target, token + upgrade), 426u);
  EXPECT_EQ(refused(target, token + upgrade + "Sec-WebSocket-Version: 8\r\n"), 426u);
  EXPECT_EQ(refused(target + "?session_id=%00", token + upgrade + version), 400u);
  EXPECT_EQ(refused(target + "?session_id=" + std::string(256, 'a'), token + upgrade + version), 400u);
  EXPECT_EQ(request("POST", target).status, 405u);
}

TEST_F(KernelWebSocketTest, keeps_other_sites_out) {
  start();
  const auto id = start_kernel();
  const auto cookie = request("GET", "/").header("Set-Cookie");
  const std::string headers = "Cookie: " + cookie.substr(0, cookie.find(';')) +
                              "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
  const auto target = "/api/kernels/" + id + "/channels";
  EXPECT_EQ(refused(target, headers + "Origin: http://evil.example\r\n"), 403u);
  TestConnection own(port_);
  own.send(make_request_text(headers + fmt::format("Origin: http://localhost:{}\r\n", port_), "GET", target));
  EXPECT_EQ(own.receive_head().status, 101u);
}

TEST_F(KernelWebSocketTest, takes_what_was_sent_along_with_the_handshake) {
  start();
  const auto id = start_ready_kernel();
  TestConnection connection(port_);
  connection.send(
      make_request_text("Authorization: token secret-token\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
                            v1_header,
                        "GET", "/api/kernels/" + id + "/channels") +
      encode_masked_websocket_frame(WebSocketOpcode::binary, v1_request("r1"), {'a', 'b', 'c', 'd'}));
  wait_for_sent(1);
  EXPECT_THAT(sent_ids(), ElementsAre("r1"));
}

// Relaying
// ----------------------------------------------------------------------------------------------------------

TEST_F(KernelWebSocketTest, tells_the_state_at_first) {
  script_.connect_allowed = false;
  start();
  const auto id = start_kernel();
  auto socket = open_v1(id);
  const auto first = receive_v1(socket);
  EXPECT_EQ(first.channel, "iopub");
  EXPECT_EQ(first.type, "status");
  EXPECT_EQ(first.content, nlohmann::json({{"execution_state", "starting"}}));
  EXPECT_EQ(first.parent, nlohmann::json::object());
  on_loop([this] { script_.change(script_.connect_allowed, true); });
  EXPECT_EQ(receive_v1(socket).content.at("execution_state"), "idle");
}

TEST_F(KernelWebSocketTest, legacy_clients_are_let_in_before_a_proxy_gives_them_up) {
  settings_.websockets.handshake_patience = std::chrono::milliseconds(50);
  script_.connect_allowed = false;
  start();
  const auto id = start_kernel();
  auto socket = open_websocket(id);
  EXPECT_EQ(receive_legacy(socket).content.at("execution_state"), "starting");
  socket.send_frame(WebSocketOpcode::text, legacy_request("r1"));
  on_loop([this] { script_.change(script_.connect_allowed, true); });
  wait_for_sent(1);
  EXPECT_THAT(sent_ids(), ElementsAre("r1"));
}

TEST_F(KernelWebSocketTest, never_says_restarting_at_first) {
  start();
  const auto id = start_ready_kernel();
  on_loop([&] { kernels_->find_kernel(id)->conversation()->publish_status(ExecutionState::restarting); });
  auto socket = open_v1(id);
  EXPECT_EQ(receive_v1(socket).content.at("execution_state"), "starting");
}

TEST_F(KernelWebSocketTest, tells_why_a_kernel_is_dead) {
  start();
  const auto id = start_ready_kernel();
  on_loop([this] { script_.launch_error = Error{ErrorCode::io, "no such program"}; });
  request("POST", "/api/kernels/" + id + "/restart");
  auto socket = open_v1(id);
  EXPECT_THAT(receive_v1(socket).content.at("text").get<std::string>(), HasSubstr("no such program"));
  EXPECT_EQ(receive_v1(socket).content.at("execution_state"), "dead");
  socket.send_frame(WebSocketOpcode::binary, v1_request("r1"));
  std::vector<std::string> types;
  for (int i = 0; i < 4; ++i) {
    const auto answer = receive_v1(socket);
    EXPECT_EQ(answer.parent.at("msg_id"), "r1");
    if (answer.content.contains("evalue"))
      EXPECT_THAT(answer.content.at("evalue").get<std::string>(), HasSubstr("was not sent"));
    types.push_back(answer.type);
  }
  EXPECT_THAT(types, ElementsAre("status", "error", "execute_reply", "status"));
}

TEST_F(KernelWebSocketTest, relays_what_the_kernel_says_to_everybody) {
  start();
  const auto id = start_ready_kernel();
  auto v1 = open_v1_idle(id);
  auto legacy = open_websocket(id);
  EXPECT_EQ(receive_legacy(legacy).content.at("execution_state"), "idle");
  std::vector<std::string> texts;
  for (int i = 0; i < 1000; ++i) texts.push_back(std::to_string(i));
  print(id, texts);
  for (const auto& text : texts) {
    ASSERT_EQ(receive_v1(v1).content.at("text"), text);
    ASSERT_EQ(receive_legacy(legacy).content.at("text"), text);
  }
}

TEST_F(KernelWebSocketTest, sends_requests_of_either_protocol_to_the_kernel) {
  start();
  const auto id = start_ready_kernel();
  auto v1 = open_v1_idle(id);
  v1.send_frame(WebSocketOpcode::binary, v1_request("r1"));
  wait_for_sent(1);
  auto legacy = open_websocket(id);
  legacy.send_frame(WebSocketOpcode::text, legacy_request("r2"));
  legacy.send_frame(WebSocketOpcode::binary, legacy_binary(legacy_request("r3"), "buffer"));
  wait_for_sent(3);
  EXPECT_THAT(sent_ids(), ElementsAre("r1", "r2", "r3"));
  EXPECT_EQ(on_loop([this] { return std::string(script_.sent.at(2).buffers.at(0)); }), "buffer");
}

TEST_F(KernelWebSocketTest, keeps_requests_in_order_until_the_kernel_is_ready) {
  script_.connect_allowed = false;
  start();
  const auto id = start_kernel();
  auto socket = open_v1(id);
  for (const auto* request : {"r1", "r2", "r3"})
    socket.send_frame(WebSocketOpcode::binary, v1_request(request));
  socket.send_frame(WebSocketOpcode::ping, "done");
  receive_v1(socket);
  EXPECT_EQ(socket.receive()->payload, "done");
  EXPECT_TRUE(sent_ids().empty());
  on_loop([this] { script_.change(script_.connect_allowed, true); });
  wait_for_sent(3);
  EXPECT_THAT(sent_ids(), ElementsAre("r1", "r2", "r3"));
}

TEST_F(KernelWebSocketTest, gives_replies_to_the_session_that_asked) {
  start();
  const auto id = start_ready_kernel();
  auto asker = open_v1_idle(id, "&session_id=a");
  auto twin = open_v1_idle(id, "&session_id=a");
  auto other = open_v1_idle(id, "&session_id=b");
  asker.send_frame(WebSocketOpcode::binary, v1_request("r1"));
  wait_for_sent(1);
  say(id, Channel::stdin_, "input_request", request_header("r1"));
  say(id, Channel::shell, "execute_reply", request_header("r1"));
  print(id, {"end"});
  for (auto* socket : {&asker, &twin}) {
    EXPECT_EQ(receive_v1(*socket).type, "input_request");
    EXPECT_EQ(receive_v1(*socket).channel, "shell");
    EXPECT_EQ(receive_v1(*socket).content.at("text"), "end");
  }
  EXPECT_EQ(receive_v1(other).content.at("text"), "end");
}

// Slow and vanished clients
// -----------------------------------------------------------------------------------------

TEST_F(KernelWebSocketTest, writes_large_messages_completely_and_in_order) {
  start();
  const auto id = start_ready_kernel();
  auto socket = open_v1_idle(id);
  std::vector<std::string> texts;
  for (int i = 0; i < 20; ++i) texts.push_back(std::string(500'000 + i, static_cast<char>('a' + i)));
  print(id, texts);
  socket.send_frame(WebSocketOpcode::ping, "between");
  int pongs = 0;
  for (const auto& text : texts) {
    auto event = socket.receive().value();
    if (event.opcode == WebSocketOpcode::pong) {
      ++pongs;
      event = socket.receive().value();
    }
    ASSERT_EQ(parse_v1(event).content.at("text"), text);
  }
  if (pongs == 0) EXPECT_EQ(socket.receive()->opcode, WebSocketOpcode::pong);
}

TEST_F(KernelWebSocketTest, large_messages_are_put_into_the_legacy_form_while_others_are_served) {
  std::vector<std::pair<std::move_only_function<void()>, std::move_only_function<void()>>> jobs;
  settings_.websockets.render = [&jobs](auto work, auto done) {
    jobs.emplace_back(std::move(work), std::move(done));
  };
  start();
  const auto id = start_ready_kernel();
  auto legacy = open_websocket(id);
  EXPECT_EQ(receive_legacy(legacy).content.at("execution_state"), "idle");
  auto v1 = open_v1_idle(id);
  const std::string large(2'000'000, 'x');
  print(id, {"before", large, "between", large, "after"});
  EXPECT_EQ(receive_legacy(legacy).content.at("text"), "before");
  for (const auto& text : {std::string("before"), large, std::string("between"), large, std::string("after")})
    EXPECT_EQ(receive_v1(v1).content.at("text"), text);
  const auto finish_job = [&] {
    wait_until([&] { return !jobs.empty(); });
    on_loop([&] {
      auto [work, done] = std::move(jobs.front());
      jobs.clear();
      work();
      done();
    });
  };
  finish_job();
  EXPECT_EQ(receive_legacy(legacy).content.at("text"), large);
  EXPECT_EQ(receive_legacy(legacy).content.at("text"), "between");
  finish_job();
  EXPECT_EQ(receive_legacy(legacy).content.at("text"), large);
  EXPECT_EQ(receive_legacy(legacy).content.at("text"), "after");
}

TEST_F(KernelWebSocketTest, a_client_that_does_not_read_holds_up_nobody) {
  start();
  const auto id = start_ready_kernel();
  auto stalled = open_v1_idle(id);
  auto reader = open_v1_idle(id);
  const std::string large(250'000, 'x');
  for (int i = 0; i < 40; ++i) {
    print(id, {large, std::to_string(i)});
    EXPECT_EQ(receive_v1(reader).content.at("text"), large);
    EXPECT_EQ(receive_v1(reader).content.at("text"), std::to_string(i));
  }
  for (int i = 0; i < 40; ++i) {
    ASSERT_EQ(receive_v1(stalled).content.at("text"), large);
    ASSERT_EQ(receive_v1(stalled).content.at("text"), std::to_string(i));
  }
}

TEST_F(KernelWebSocketTest, tells_a_client_that_reads_too_slowly_what_it_lost) {
  kernel_options_.journal_limits = {.memory_bytes = 2'000'000, .retained_bytes = 500'000};
  start();
  const auto id = start_ready_kernel();
  auto socket = open_v1_idle(id);
  TestWebSocket events(port_, "/api/events/subscribe?token=secret-token");
  const std::string large(250'000, 'x');
  for (int i = 0; i < 60; ++i) print(id, {large});
  print(id, {"last"});
  int whole = 0;
  int lost = 0;
  while (true) {
    const auto seen = receive_v1(socket);
    if (seen.type == "status") continue;  // The present state, after a loss.
    const auto text = seen.content.at("text").get<std::string>();
    if (text == "last") break;
    if (text == large) {
      ++whole;
      continue;
    }
    unsigned first = 0;
    unsigned last = 0;
    unsigned count = 0;
    ASSERT_EQ(std::sscanf(text.c_str(), "Messages %u to %u of the kernel (up to %u for this client) are lost",
                          &first, &last, &count),
              3)
        << text;
    EXPECT_EQ(count, last - first + 1);
    lost += static_cast<int>(count);

    const auto event = nlohmann::json::parse(events.receive_message().value().payload);
    EXPECT_EQ(event.at("schema_id"), messages_lost_schema);
    EXPECT_EQ(event.at("kernel_id"), id);
    EXPECT_EQ(event.at("kernel_name"), "test");
    EXPECT_EQ(event.at("first"), first);
    EXPECT_EQ(event.at("last"), last);
  }
  EXPECT_GT(lost, 0);
  EXPECT_EQ(whole + lost, 60);
  const auto problems = request("GET", "/api/nextgen/registry/doctor").json().at("problems");
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].at("subject"), "kernel " + id);
  EXPECT_THAT(problems[0].at("message").get<std::string>(), HasSubstr(fmt::format("lost {} messages", lost)));
}

TEST_F(KernelWebSocketTest, counts_connections) {
  start();
  const auto id = start_ready_kernel();
  auto first = std::make_unique<TestWebSocket>(open_v1_idle(id));
  auto second = std::make_unique<TestWebSocket>(open_v1_idle(id));
  EXPECT_EQ(connections(id), 2);
  EXPECT_EQ(request("GET", "/api/kernels/" + id).json().at("connections"), 2);
  EXPECT_EQ(request("GET", "/api/status").json().at("connections"), 2);
  first.reset();
  wait_for_connections(id, 1);
  second.reset();
  wait_for_connections(id, 0);
}

TEST_F(KernelWebSocketTest, frees_what_a_vanished_client_left_unread) {
  kernel_options_.journal_limits.memory_bytes = 2'000'000;
  start();
  const auto id = start_ready_kernel();
  auto socket = std::make_unique<TestWebSocket>(open_v1_idle(id));
  print(id, std::vector<std::string>(30, std::string(500'000, 'x')));
  socket.reset();
  wait_for_connections(id, 0);
  print(id, {"for nobody"});
  EXPECT_LT(on_loop([&] { return kernels_->find_kernel(id)->conversation()->journal().memory_size(); }),
            2'000'000u);
}

TEST_F(KernelWebSocketTest, refuses_types_of_messages_that_are_not_allowed) {
  settings_.websockets.allowed_message_types = {"kernel_info_request"};
  start();
  const auto id = start_ready_kernel();
  auto socket = open_v1_idle(id);
  socket.send_frame(WebSocketOpcode::binary, v1_request("refused"));
  auto header = nlohmann::json::parse(request_header("asked"));
  header["msg_type"] = "kernel_info_request";
  socket.send_frame(WebSocketOpcode::binary, v1_payload(Channel::shell, {header.dump(), "{}", "{}", "{}"}));
  wait_for_sent(1);
  EXPECT_THAT(sent_ids(), ElementsAre("asked"));
  EXPECT_EQ(receive_v1(socket).content.at("execution_state"), "busy");
  EXPECT_EQ(receive_v1(socket).content.at("ename"), "PermissionError");
  const auto reply = receive_v1(socket);
  EXPECT_EQ(reply.type, "execute_reply");
  EXPECT_EQ(reply.parent.at("msg_id"), "refused");
  EXPECT_EQ(request_with("Authorization: token secret-token\r\n", "POST",
                         "/api/nextgen/kernels/" + id + "/execute", R"({"code": "1"})")
                .status,
            403u);
}

TEST_F(KernelWebSocketTest, pings_and_takes_any_sign_of_life) {
  settings_.websockets.ping_interval = std::chrono::milliseconds(20);
  settings_.websockets.ping_timeout = std::chrono::seconds(30);
  start();
  const auto id = start_ready_kernel();
  auto socket = open_v1_idle(id);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(socket.receive()->opcode, WebSocketOpcode::ping);
    socket.send_frame(WebSocketOpcode::pong, "");
  }
  EXPECT_EQ(connections(id), 1);
}

TEST_F(KernelWebSocketTest, a_client_that_is_not_heard_is_no_connection_until_it_is) {
  settings_.websockets.ping_interval = std::chrono::milliseconds(20);
  settings_.websockets.absent_after = std::chrono::milliseconds(60);
  start();
  const auto id = start_ready_kernel();
  auto socket = open_v1_idle(id);
  EXPECT_EQ(connections(id), 1);
  // It answers no ping; what is written to it lands in the buffers of the system.
  wait_for_connections(id, 0);
  socket.send_frame(WebSocketOpcode::pong, "");
  wait_for_connections(id, 1);
  print(id, {"nothing was lost"});
  EXPECT_EQ(receive_v1(socket).content.at("text"), "nothing was lost");
  wait_for_connections(id, 0);
  request("DELETE", "/api/kernels/" + id);
  EXPECT_EQ(receive_v1(socket).content.at("execution_state"), "dead");
}

TEST_F(KernelWebSocketTest, gives_up_on_clients_that_do_not_answer_pings) {
  settings_.websockets.ping_interval = std::chrono::milliseconds(20);
  settings_.websockets.ping_timeout = std::chrono::milliseconds(100);
  start();
  const auto id = start_ready_kernel();
  auto socket = open_v1_idle(id);
  // So much that the socket takes nothing any more, pings neither.
  print(id, std::vector<std::string>(30, std::string(500'000, 'x')));
  wait_for_connections(id, 0);
  // Cut off, so that what the system held for it does not arrive beside what its session gets later.
  boost::system::error_code error;
  std::string bytes(1 << 20, '\0');
  while (!error) socket.connection().socket().read_some(boost::asio::buffer(bytes), error);
  EXPECT_EQ(error, boost::asio::error::connection_reset);
}

TEST_F(KernelWebSocketTest, gives_up_on_clients_whose_system_takes_what_they_do_not_read) {
  // Longer than the system at the other end takes to acknowledge a ping.
  settings_.websockets.ping_interval = std::chrono::milliseconds(100);
  settings_.websockets.ping_timeout = std::chrono::milliseconds(400);
  settings_.websockets.most_sockets = 1;
  start();
  const auto id = start_ready_kernel();
  auto socket = open_v1_idle(id, "&session_id=s");
  while (const auto event = socket.receive()) EXPECT_EQ(event->opcode, WebSocketOpcode::ping);
  wait_for_connections(id, 0);
  print(id, {"while it was away"});
  auto again = open_v1_idle(id, "&session_id=s");
  EXPECT_EQ(receive_v1(again).content.at("text"), "while it was away");
}

// Control frames and the end
// ----------------------------------------------------------------------------------------

TEST_F(KernelWebSocketTest, answers_pings) {
  start();
  auto socket = open_v1_idle(start_ready_kernel());
  socket.send_frame(WebSocketOpcode::ping, "are you there");
  const auto pong = socket.receive();
  EXPECT_EQ(pong->opcode, WebSocketOpcode::pong);
  EXPECT_EQ(pong->payload, "are you there");
}

TEST_F(KernelWebSocketTest, answers_the_clients_goodbye) {
  start();
  const auto id = start_ready_kernel();
  auto socket = open_v1_idle(id);
  socket.send_frame(WebSocketOpcode::close, close_payload(1001, "leaving"));
  EXPECT_EQ(socket.receive_close(), 1001);
  EXPECT_TRUE(socket.at_end());
  wait_for_connections(id, 0);
  auto without_code = open_v1_idle(id);
  without_code.send_frame(WebSocketOpcode::close, "");
  EXPECT_EQ(without_code.receive_close(), 1000);
  EXPECT_TRUE(without_code.at_end());
}

TEST_F(KernelWebSocketTest, says_dead_and_goodbye_when_the_kernel_is_shut_down) {
  start();
  const auto id = start_ready_kernel();
  auto socket = open_v1_idle(id);
  EXPECT_EQ(request("DELETE", "/api/kernels/" + id).status, 204u);
  EXPECT_EQ(receive_v1(socket).content.at("execution_state"), "dead");
  EXPECT_EQ(socket.receive_close(), 1000);
  socket.send_frame(WebSocketOpcode::close, close_payload(1000, ""));
  EXPECT_TRUE(socket.at_end());
}

TEST_F(KernelWebSocketTest, a_socket_that_lags_gets_everything_before_the_goodbye) {
  start();
  const auto id = start_ready_kernel();
  auto socket = open_v1_idle(id);
  print(id, std::vector<std::string>(30, std::string(500'000, 'x')));
  EXPECT_EQ(request("DELETE", "/api/kernels/" + id).status, 204u);
  for (int i = 0; i < 30; ++i) ASSERT_EQ(receive_v1(socket).type, "stream");
  EXPECT_EQ(receive_v1(socket).content.at("execution_state"), "dead");
  EXPECT_EQ(socket.receive_close(), 1000);
}

TEST_F(KernelWebSocketTest, cuts_off_clients_that_do_not_answer_its_goodbye) {
  settings_.websockets.close_timeout = std::chrono::milliseconds(20);
  start();
  const auto id = start_ready_kernel();
  auto socket = open_v1_idle(id);
  request("DELETE", "/api/kernels/" + id);
  EXPECT_EQ(socket.receive_close(), 1000);
  EXPECT_TRUE(socket.at_end());
}

TEST_F(KernelWebSocketTest, says_1012_when_the_server_stops) {
  settings_.websockets.close_timeout = std::chrono::milliseconds(20);
  start();
  const auto id = start_ready_kernel();
  auto socket = open_v1_idle(id);
  auto stalled = open_v1_idle(id);
  print(id, std::vector<std::string>(30, std::string(500'000, 'x')));
  run(server_->stop(std::chrono::seconds(5)));
  EXPECT_EQ(on_loop([&] { return kernels_->find_kernel(id)->connections(); }), 0);
}

TEST_F(KernelWebSocketTest, says_1012_to_clients_that_read) {
  start();
  auto socket = open_v1_idle(start_ready_kernel());
  auto stopped = asio::co_spawn(loop_, server_->stop(std::chrono::seconds(5)), asio::use_future);
  EXPECT_EQ(socket.receive_close(), 1012);
  socket.send_frame(WebSocketOpcode::close, close_payload(1012, ""));
  stopped.get();
  EXPECT_TRUE(socket.at_end());
}

// Bad input
// ---------------------------------------------------------------------------------------------------------

TEST_F(KernelWebSocketTest, closes_on_frames_that_break_rfc_6455) {
  settings_.websockets.max_message_bytes = 1000;
  start();
  const auto id = start_ready_kernel();
  const std::string mask("\1\2\3\4", 4);
  const std::vector<std::pair<std::string, std::uint16_t>> cases = {
      {std::string("\x82\x01x", 3), 1002},                      // Not masked.
      {"\xC2\x81" + mask + "x", 1002},                          // A reserved bit.
      {"\x83\x81" + mask + "x", 1002},                          // An unknown opcode.
      {"\x80\x81" + mask + "x", 1002},                          // Continues nothing.
      {"\x09\x81" + mask + "x", 1002},                          // A fragmented ping.
      {std::string("\x89\xFE\x00\x7E", 4) + mask, 1002},        // A ping of 126 bytes.
      {std::string("\x82\xFE\x00\x01", 4) + mask + "x", 1002},  // A length that is not the shortest.
      {"\x88\x81" + mask + "x", 1002},                          // Half a close code.
      {std::string("\x82\xFE\x03\xE9", 4) + mask, 1009},        // 1001 bytes.
      {std::string("\x82\xFF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 10) + mask, 1009},
  };
  for (const auto& [bytes, code] : cases) {
    auto socket = open_v1_idle(id);
    socket.send_raw(bytes);
    EXPECT_EQ(socket.receive_close(), code) << testing::PrintToString(bytes);
    socket.connection().socket().shutdown(ClientSocket::shutdown_send);
    EXPECT_TRUE(socket.at_end());
  }
  wait_for_connections(id, 0);
  EXPECT_TRUE(sent_ids().empty());
}

TEST_F(KernelWebSocketTest, closes_on_v1_messages_that_are_malformed) {
  start();
  const auto id = start_ready_kernel();
  auto wrong_offset = v1_request("r1");
  wrong_offset[8] = '\x7F';
  auto too_many = v1_request("r1");
  too_many[3] = '\x7F';
  const auto header = request_header("r1");
  for (const auto& payload :
       {std::string(), std::string("short"), wrong_offset, too_many, v1_request("r1") + "x",
        v1_payload(Channel::shell, {"no json", "{}", "{}", "{}"}),
        v1_payload(Channel::shell, {"{}", "{}", "{}", "{}"})}) {
    auto socket = open_v1_idle(id);
    socket.send_frame(WebSocketOpcode::binary, payload);
    EXPECT_EQ(socket.receive_close(), 1007);
    EXPECT_NE(socket.close_reason, "");
  }
  auto text = open_v1_idle(id);
  text.send_frame(WebSocketOpcode::text, "{}");
  EXPECT_EQ(text.receive_close(), 1003);
  EXPECT_TRUE(sent_ids().empty());
}

TEST_F(KernelWebSocketTest, closes_on_legacy_messages_that_are_malformed) {
  start();
  const auto id = start_ready_kernel();
  for (const auto& [opcode, payload] :
       {std::pair(WebSocketOpcode::text, "{"), std::pair(WebSocketOpcode::text, "[]"),
        std::pair(WebSocketOpcode::text, "{\"channel\": \"shell\"}"),
        std::pair(WebSocketOpcode::binary, "abc")}) {
    auto socket = open_websocket(id);
    socket.send_frame(opcode, payload);
    EXPECT_EQ(socket.receive_close(), 1007) << payload;
  }
  EXPECT_TRUE(sent_ids().empty());
}

TEST_F(KernelWebSocketTest, ignores_messages_for_unknown_channels) {
  start();
  const auto id = start_ready_kernel();
  auto v1 = open_v1_idle(id);
  auto payload = v1_request("r1");
  payload.replace(payload.find("shell"), 5, "shall");
  v1.send_frame(WebSocketOpcode::binary, payload);
  v1.send_frame(WebSocketOpcode::binary, v1_request("r2"));
  wait_for_sent(1);
  auto legacy = open_websocket(id);
  auto text = legacy_request("r3");
  text.replace(text.find("shell"), 5, "shall");
  legacy.send_frame(WebSocketOpcode::text, text);
  legacy.send_frame(WebSocketOpcode::text, legacy_request("r4"));
  wait_for_sent(2);
  EXPECT_THAT(sent_ids(), ElementsAre("r2", "r4"));
}

}  // namespace
}  // namespace nextgen_kernels
