#include "synthetic_kernel/synthetic_kernel.h"

#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <stdlib.h>
#include <zmq.h>

namespace nextgen_kernels::synthetic {
namespace {

using nlohmann::json;

constexpr int receive_timeout_ms = 30'000;
constexpr int question_timeout_ms = 500;

struct Answer {
  std::string type;
  json content;
};

/// A kernel on a thread of this process, and a client of it. The kernel is shut down at the end of each test.
class SyntheticKernelTest : public testing::Test {
 protected:
  SyntheticKernelTest()
      : connection_(make_connection()),
        signer_(connection_.key),
        kernel_([connection = connection_] { SyntheticKernel(connection, KernelOptions{}).run(); }),
        shell_(context_, ZMQ_DEALER),
        control_(context_, ZMQ_DEALER),
        stdin_(context_, ZMQ_DEALER),
        iopub_(context_, ZMQ_SUB) {
    for (ZmqSocket* socket : {&shell_, &control_, &stdin_, &iopub_}) {
      socket->set(ZMQ_RCVTIMEO, receive_timeout_ms);
      socket->set(ZMQ_LINGER, 0);
    }
    shell_.set(ZMQ_ROUTING_ID, std::string_view("client"));
    stdin_.set(ZMQ_ROUTING_ID, std::string_view("client"));
    iopub_.set(ZMQ_SUBSCRIBE, std::string_view{});
    shell_.connect(connection_.endpoint(connection_.shell_port));
    control_.connect(connection_.endpoint(connection_.control_port));
    stdin_.connect(connection_.endpoint(connection_.stdin_port));
    iopub_.connect(connection_.endpoint(connection_.iopub_port));
    EXPECT_EQ(receive(iopub_).type, "iopub_welcome");
  }

  ~SyntheticKernelTest() override {
    request(control_, "shutdown_request", {{"restart", false}});
    kernel_.join();
    std::filesystem::remove_all(directory_);
  }

  ConnectionFile make_connection() {
    char name[] = "/tmp/synthetic-kernel-test-XXXXXX";
    directory_ = mkdtemp(name);
    return {.transport = "ipc",
            .ip = (directory_ / "kernel").string(),
            .shell_port = 1,
            .control_port = 2,
            .stdin_port = 3,
            .iopub_port = 4,
            .hb_port = 5,
            .key = "key"};
  }

  void request(ZmqSocket& socket, std::string_view type, const json& content) {
    const auto id = "request-" + std::to_string(next_request_++);
    socket.send(
        encode_message({}, {.header = make_header(id, type, "test"), .content = content.dump()}, signer_));
  }
  void execute(const std::string& code) { request(shell_, "execute_request", {{"code", code}}); }

  Answer receive(ZmqSocket& socket) {
    const auto message = parse_message(socket.receive(), signer_);
    if (!message) throw std::runtime_error(message.error().message);
    return {message->message_type, json::parse(message->parts.content)};
  }

  std::vector<Answer> receive_until_idle() {
    std::vector<Answer> answers;
    do answers.push_back(receive(iopub_));
    while (answers.back().content.value("execution_state", "") != "idle");
    return answers;
  }

  /// Asks again until the kernel's stdin socket knows this client: it drops what it has no address for, as
  /// the stdin socket of any kernel does, and a client cannot see when it is known.
  Answer receive_question(const std::string& prompt) {
    while (true) {
      execute("input " + prompt);
      zmq_pollitem_t item{stdin_.handle(), 0, ZMQ_POLLIN, 0};
      if (zmq_poll(&item, 1, question_timeout_ms) == 1) return receive(stdin_);
      request(control_, "interrupt_request", json::object());
      receive(control_);
      receive(shell_);
      receive_until_idle();
      receive_until_idle();
    }
  }

  std::filesystem::path directory_;
  ConnectionFile connection_;
  MessageSigner signer_;
  std::jthread kernel_;
  ZmqContext context_;
  ZmqSocket shell_;
  ZmqSocket control_;
  ZmqSocket stdin_;
  ZmqSocket iopub_;
  int next_request_ = 0;
};

TEST_F(SyntheticKernelTest, tells_about_itself) {
  request(shell_, "kernel_info_request", json::object());
  const auto info = receive(shell_);
  EXPECT_EQ(info.type, "kernel_info_reply");
  EXPECT_EQ(info.content["language_info"]["name"], "synthetic");
  EXPECT_EQ(info.content["protocol_version"], "5.5");
}

TEST_F(SyntheticKernelTest, prints_between_busy_and_idle) {
  execute("print hello");
  EXPECT_EQ(receive(shell_).content["status"], "ok");
  const auto answers = receive_until_idle();
  ASSERT_EQ(answers.size(), 4U);
  EXPECT_EQ(answers[0].content["execution_state"], "busy");
  EXPECT_EQ(answers[1].type, "execute_input");
  EXPECT_EQ(answers[2].content["text"], "hello\n");
}

TEST_F(SyntheticKernelTest, floods_with_every_number_in_order) {
  execute("flood 5000 50");
  const auto answers = receive_until_idle();
  ASSERT_EQ(answers.size(), 5003U);
  for (std::size_t i = 0; i < 5000; ++i) {
    const auto text = answers[i + 2].content["text"].get<std::string>();
    ASSERT_EQ(text.size(), 50U);
    ASSERT_EQ(text.substr(0, sequence_digits), fmt::format("{:010}", i));
  }
}

TEST_F(SyntheticKernelTest, a_refused_command_is_an_error_reply) {
  execute("dance");
  const auto reply = receive(shell_);
  EXPECT_EQ(reply.content["status"], "error");
  EXPECT_EQ(reply.content["ename"], "CommandError");
}

TEST_F(SyntheticKernelTest, an_interrupt_ends_a_sleep_and_leaves_later_requests) {
  execute("sleep 1000000");
  execute("echo");
  for (std::string type; type != "execute_input";) type = receive(iopub_).type;
  request(control_, "interrupt_request", json::object());
  EXPECT_EQ(receive(control_).type, "interrupt_reply");
  EXPECT_EQ(receive(shell_).content["ename"], "KeyboardInterrupt");
  EXPECT_EQ(receive(shell_).content["status"], "ok");
}

TEST_F(SyntheticKernelTest, input_asks_the_client_that_executes) {
  const auto question = receive_question("name?");
  EXPECT_EQ(question.type, "input_request");
  EXPECT_EQ(question.content["prompt"], "name?");
  request(stdin_, "input_reply", {{"value", "Ada"}});
  EXPECT_EQ(receive(shell_).content["status"], "ok");
  EXPECT_EQ(receive_until_idle().rbegin()[1].content["text"], "Ada\n");
}

TEST_F(SyntheticKernelTest, wrongly_signed_messages_come_before_a_proper_reply) {
  execute("bad-signature 1");
  EXPECT_EQ(receive(iopub_).type, "status");
  EXPECT_EQ(receive(iopub_).type, "execute_input");
  EXPECT_FALSE(parse_message(iopub_.receive(), signer_));
  EXPECT_EQ(receive(iopub_).type, "status");
  EXPECT_EQ(receive(shell_).content["status"], "ok");
}

TEST_F(SyntheticKernelTest, short_messages_come_before_a_proper_reply) {
  execute("short-frames 1");
  EXPECT_EQ(receive(iopub_).type, "status");
  EXPECT_EQ(receive(iopub_).type, "execute_input");
  EXPECT_EQ(iopub_.receive().size(), 4U);
  EXPECT_EQ(receive(iopub_).type, "status");
  EXPECT_EQ(receive(shell_).content["status"], "ok");
}

TEST_F(SyntheticKernelTest, heartbeats_are_echoed_during_a_command) {
  ZmqSocket heartbeat(context_, ZMQ_REQ);
  heartbeat.set(ZMQ_RCVTIMEO, receive_timeout_ms);
  heartbeat.connect(connection_.endpoint(connection_.hb_port));
  execute("sleep 1000000");
  for (std::string type; type != "execute_input";) type = receive(iopub_).type;
  heartbeat.send(Frames{"ping"});
  EXPECT_EQ(heartbeat.receive(), Frames{"ping"});
}

}  // namespace
}  // namespace nextgen_kernels::synthetic
