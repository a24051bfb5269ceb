#include "server/kernel_websocket.h"

#include "server_fixture.h"
#include "wire/v1_message.h"

namespace nextgen_kernels {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::string v1_header = "Sec-WebSocket-Protocol: v1.kernel.websocket.jupyter.org\r\n";

std::string v1_payload(Channel channel, const std::array<std::string_view, 4>& parts) {
  std::string payload(v1_payload_size(channel, parts, {}), '\0');
  write_v1_payload(payload, channel, parts, {});
  return payload;
}

std::string request_header(const std::string& id) {
  return nlohmann::json{{"msg_id", id},     {"msg_type", "execute_request"},
                        {"session", "s"},   {"username", "user"},
                        {"version", "5.4"}, {"date", "2026-01-01T00:00:00Z"}}
      .dump();
}

std::string v1_request(const std::string& id) {
  const auto header = request_header(id);
  return v1_payload(Channel::shell, {header, "{}", "{}", R"({"code": "1"})"});
}

std::string legacy_request(const std::string& id) {
  return fmt::format(
      R"({{"channel": "shell", "header": {}, "parent_header": {{}}, "metadata": {{}}, "content": {{}}}})",
      request_header(id));
}

std::string legacy_binary(const std::string& json, const std::string& buffer) {
  std::string bytes;
  for (const auto number : {std::size_t{2}, std::size_t{12}, 12 + json.size()}) {
    for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>(number >> shift & 0xFF);
  }
  return bytes + json + buffer;
}

/// A message as a test looks at it, of either protocol.
struct Seen {
  std::string channel;
  std::string type;
  nlohmann::json parent;
  nlohmann::json content;
};

Seen parse_v1(const WebSocketEvent& event) {
  EXPECT_EQ(event.opcode, WebSocketOpcode::binary);
  const auto message = V1Message::parse(event.payload).value();
  return {.channel = std::string(to_string(message.channel())),
          .type = nlohmann::json::parse(message.part(0)).at("msg_type"),
          .parent = nlohmann::json::parse(message.part(1)),
          .content = nlohmann::json::parse(message.part(3))};
}

Seen receive_v1(TestWebSocket& socket) {
  return parse_v1(socket.receive_message().value());
}

Seen receive_legacy(TestWebSocket& socket) {
  const auto event = socket.receive_message().value();
  EXPECT_EQ(event.opcode, WebSocketOpcode::text);
  const auto json = nlohmann::json::parse(event.payload);
  EXPECT_EQ(json.at("msg_type"), json.at("header").at("msg_type"));
  EXPECT_EQ(json.at("buffers"), nlohmann::json::array());
  return {.channel = json.at("channel"),
          .type = json.at("msg_type"),
          .parent = json.at("parent_header"),
          .content = json.at("content")};
}

class KernelWebSocketTest : public ServerFixture {
 protected:
  /// A started kernel that has announced itself.
  std::string start_ready_kernel() {
    const auto id = start_kernel();
    wait_until([this, id] { return kernels_->find_kernel(id)->execution_state() == ExecutionState::idle; });
    return id;
  }

  TestWebSocket open_v1(const std::string& kernel_id, const std::string& query = "") {
    return open_websocket(kernel_id, query, v1_header);
  }

  /// A v1 socket that has been told that the kernel is idle.
  TestWebSocket open_v1_idle(const std::string& kernel_id, const std::string& query = "") {
    auto socket = open_v1(kernel_id, query);
    EXPECT_EQ(receive_v1(socket).content.at("execution_state"), "idle");
    return socket;
  }

  /// Lets the kernel print texts, in one go.
  void print(const std::string& kernel_id, const std::vector<std::string>& texts) {
    on_loop([&] {
      const auto conversation = kernels_->find_kernel(kernel_id)->conversation();
      for (const auto& text : texts) {
        const nlohmann::json content = {{"name", "stdout"}, {"text", text}};
        conversation->receive(
            make_kernel_message(Channel::iopub, "stream", content.dump(), "{}", "kernel").value());
      }
      conversation->flush();
    });
  }

  void say(const std::string& kernel_id, Channel channel, const std::string& type,
           const std::string& parent) {
    on_loop([&] {
      const auto conversation = kernels_->find_kernel(kernel_id)->conversation();
      conversation->receive(make_kernel_message(channel, type, "{}", parent, "kernel").value());
      conversation->flush();
    });
  }

  int connections(const std::string& kernel_id) {
    return on_loop([&] { return kernels_->find_kernel(kernel_id)->connections(); });
  }

  void wait_for_connections(const std::string& kernel_id, int count) {
    wait_until([this, kernel_id, count] { return kernels_->find_kernel(kernel_id)->connections() == count; });
  }

  std::vector<std::string> sent_ids() {
    return on_loop([this] {
      std::vector<std::string> ids;
      for (const auto& message : script_.sent) ids.emplace_back(message.header.msg_id);
      return ids;
    });
  }

  void wait_for_sent(std::size_t count) {
    wait_until([this, count] { return script_.sent.size() >= count; });
  }

  unsigned refused(const std::string& target, const std::string& headers) {
    return request_with(headers, "GET", target).status;
  }
};

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
  const auto notice = receive_v1(socket);
  EXPECT_EQ(notice.content.at("name"), "stderr");
  EXPECT_THAT(notice.content.at("text").get<std::string>(), HasSubstr("was not sent"));
  EXPECT_EQ(notice.parent.at("msg_id"), "r1");
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
  const std::string large(250'000, 'x');
  for (int i = 0; i < 60; ++i) print(id, {large});
  print(id, {"last"});
  int whole = 0;
  int lost = 0;
  while (true) {
    const auto text = receive_v1(socket).content.at("text").get<std::string>();
    if (text == "last") break;
    if (text == large) {
      ++whole;
      continue;
    }
    unsigned first = 0;
    unsigned last = 0;
    unsigned count = 0;
    ASSERT_EQ(std::sscanf(text.c_str(), "Messages %u to %u of the kernel (%u in all) were lost", &first,
                          &last, &count),
              3)
        << text;
    EXPECT_EQ(count, last - first + 1);
    lost += static_cast<int>(count);
  }
  EXPECT_GT(lost, 0);
  EXPECT_EQ(whole + lost, 60);
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

TEST_F(KernelWebSocketTest, gives_up_on_clients_that_do_not_answer_pings) {
  settings_.websockets.ping_interval = std::chrono::milliseconds(20);
  settings_.websockets.ping_timeout = std::chrono::milliseconds(100);
  start();
  const auto id = start_ready_kernel();
  auto socket = open_v1_idle(id);
  // So much that the socket takes nothing any more, pings neither.
  print(id, std::vector<std::string>(30, std::string(500'000, 'x')));
  wait_for_connections(id, 0);
}

// Sessions that come back
// --------------------------------------------------------------------------------------------

TEST_F(KernelWebSocketTest, a_session_that_comes_back_gets_what_it_missed) {
  start();
  const auto id = start_ready_kernel();
  {
    auto socket = open_v1_idle(id, "&session_id=a");
    socket.send_frame(WebSocketOpcode::binary, v1_request("r1"));
    wait_for_sent(1);
    print(id, {"seen"});
    EXPECT_EQ(receive_v1(socket).content.at("text"), "seen");
  }
  wait_for_connections(id, 0);
  print(id, {"missed 1", "missed 2"});
  say(id, Channel::shell, "execute_reply", request_header("r1"));
  auto stranger = open_v1_idle(id, "&session_id=b");
  auto back = open_v1_idle(id, "&session_id=a");
  EXPECT_EQ(receive_v1(back).content.at("text"), "missed 1");
  EXPECT_EQ(receive_v1(back).content.at("text"), "missed 2");
  EXPECT_EQ(receive_v1(back).type, "execute_reply");
  print(id, {"new"});
  EXPECT_EQ(receive_v1(back).content.at("text"), "new");
  EXPECT_EQ(receive_v1(stranger).content.at("text"), "new");
}

TEST_F(KernelWebSocketTest, a_session_that_comes_back_gets_what_its_old_socket_could_not_send) {
  start();
  const auto id = start_ready_kernel();
  std::vector<std::string> texts;
  for (int i = 0; i < 40; ++i) texts.push_back(std::to_string(i) + std::string(500'000, 'x'));
  {
    auto socket = open_v1_idle(id, "&session_id=a");
    print(id, texts);
  }
  wait_for_connections(id, 0);
  auto back = open_v1_idle(id, "&session_id=a");
  const auto first = receive_v1(back).content.at("text").get<std::string>();
  const auto position = static_cast<std::size_t>(std::ranges::find(texts, first) - texts.begin());
  ASSERT_LT(position, texts.size());
  for (auto i = position + 1; i < texts.size(); ++i) ASSERT_EQ(receive_v1(back).content.at("text"), texts[i]);
}

TEST_F(KernelWebSocketTest, a_session_with_another_socket_misses_nothing_and_gets_nothing_twice) {
  start();
  const auto id = start_ready_kernel();
  auto older = std::make_unique<TestWebSocket>(open_v1_idle(id, "&session_id=a"));
  auto newer = open_v1_idle(id, "&session_id=a");
  older.reset();
  wait_for_connections(id, 1);
  print(id, {"once"});
  EXPECT_EQ(receive_v1(newer).content.at("text"), "once");
  auto third = open_v1_idle(id, "&session_id=a");
  print(id, {"for both"});
  EXPECT_EQ(receive_v1(newer).content.at("text"), "for both");
  EXPECT_EQ(receive_v1(third).content.at("text"), "for both");
}

TEST_F(KernelWebSocketTest, forgets_sessions_that_do_not_come_back) {
  kernel_options_.journal_limits.memory_bytes = 2'000'000;
  settings_.websockets.reconnect_time = std::chrono::milliseconds(50);
  start();
  const auto id = start_ready_kernel();
  open_v1_idle(id, "&session_id=a");
  wait_for_connections(id, 0);
  print(id, std::vector<std::string>(10, std::string(500'000, 'x')));
  wait_until([&] {
    const auto conversation = kernels_->find_kernel(id)->conversation();
    conversation->flush();
    return conversation->journal().memory_size() < 2'000'000;
  });
}

TEST_F(KernelWebSocketTest, forgets_absent_sessions_with_their_kernel) {
  start();
  const auto id = start_ready_kernel();
  for (int i = 0; i < 20; ++i) open_v1_idle(id, "&session_id=" + std::to_string(i));
  wait_for_connections(id, 0);
  std::weak_ptr<Conversation> conversation =
      on_loop([&] { return kernels_->find_kernel(id)->conversation(); });
  EXPECT_EQ(request("DELETE", "/api/kernels/" + id).status, 204u);
  wait_until([&] { return conversation.expired(); });
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
    socket.connection().socket().shutdown(TcpSocket::shutdown_send);
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
