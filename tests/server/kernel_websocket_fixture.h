#pragma once

#include <array>
#include <string>
#include <vector>

#include "server/kernel_websocket.h"
#include "server_fixture.h"
#include "wire/v1_message.h"

namespace nextgen_kernels {

inline const std::string v1_header = "Sec-WebSocket-Protocol: v1.kernel.websocket.jupyter.org\r\n";

inline std::string v1_payload(Channel channel, const std::array<std::string_view, 4>& parts) {
  std::string payload(v1_payload_size(channel, parts, {}), '\0');
  write_v1_payload(payload, channel, parts, {});
  return payload;
}

inline std::string request_header(const std::string& id) {
  return nlohmann::json{{"msg_id", id},     {"msg_type", "execute_request"},
                        {"session", "s"},   {"username", "user"},
                        {"version", "5.4"}, {"date", "2026-01-01T00:00:00Z"}}
      .dump();
}

inline std::string v1_request(const std::string& id) {
  const auto header = request_header(id);
  return v1_payload(Channel::shell, {header, "{}", "{}", R"({"code": "1"})"});
}

inline std::string legacy_request(const std::string& id) {
  return fmt::format(
      R"({{"channel": "shell", "header": {}, "parent_header": {{}}, "metadata": {{}}, "content": {{}}}})",
      request_header(id));
}

inline std::string legacy_binary(const std::string& json, const std::string& buffer) {
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

inline Seen parse_v1(const WebSocketEvent& event) {
  EXPECT_EQ(event.opcode, WebSocketOpcode::binary);
  const auto message = V1Message::parse(event.payload).value();
  return {.channel = std::string(to_string(message.channel())),
          .type = nlohmann::json::parse(message.part(0)).at("msg_type"),
          .parent = nlohmann::json::parse(message.part(1)),
          .content = nlohmann::json::parse(message.part(3))};
}

inline Seen receive_v1(TestWebSocket& socket) {
  return parse_v1(socket.receive_message().value());
}

inline Seen receive_legacy(TestWebSocket& socket) {
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

  /// Answers the server's question which frames have arrived, once it comes; gives what came before it.
  std::vector<Seen> acknowledge(TestWebSocket& socket, const std::string& kernel_id,
                                const std::string& session_id) {
    std::vector<Seen> seen;
    auto event = socket.receive().value();
    for (; event.opcode != WebSocketOpcode::ping; event = socket.receive().value())
      seen.push_back(parse_v1(event));
    socket.send_frame(WebSocketOpcode::pong, event.payload);
    const auto frame = std::stoull(event.payload);
    wait_until([this, kernel_id, session_id, frame] {
      const auto conversation = kernels_->find_kernel(kernel_id)->conversation();
      return conversation->places().find_newest(session_id)->frames.acknowledged() >= frame;
    });
    return seen;
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

}  // namespace nextgen_kernels
