#include "provisioners/local/kernel_registrar.h"

#include <functional>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zmq.h>

#include "../support/run_task.h"
#include "synthetic_kernel/message_signer.h"
#include "synthetic_kernel/zmq_socket.h"

namespace nextgen_kernels {
namespace {

using synthetic::Frames;
using testing::ElementsAre;

/// Kernels are libzmq's DEALER sockets here, and sign by the code of the synthetic kernel.
class KernelRegistrarTest : public testing::Test {
 protected:
  ConnectionInfo expect(const std::string& id, const std::string& key, RegistrationDialect dialect) {
    auto file = registrar_.expect(id, key, dialect);
    EXPECT_TRUE(file) << file.error().message;
    const auto& port = file->at("registration_port");
    socket_.connect("tcp://127.0.0.1:" +
                    (port.is_string() ? port.get<std::string>() : std::to_string(port.get<int>())));
    return *file;
  }

  static std::string ports(int first, bool quoted) {
    nlohmann::json content;
    for (const auto* name : {"shell_port", "iopub_port", "stdin_port", "control_port", "hb_port"}) {
      content[name] = quoted ? nlohmann::json(std::to_string(first)) : nlohmann::json(first);
      ++first;
    }
    return content.dump();
  }

  void send(const std::string& key, const std::vector<std::string>& parts) {
    synthetic::MessageSigner signer(key);
    const std::vector<std::string_view> views(parts.begin(), parts.end());
    const auto signature = signer.sign(views);
    Frames frames = {"<IDS|MSG>", std::string(signature.text())};
    frames.insert(frames.end(), parts.begin(), parts.end());
    socket_.send(frames);
  }

  std::optional<Frames> answer() {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (std::chrono::steady_clock::now() < limit) {
      if (auto frames = socket_.try_receive()) return frames;
      loop_.restart();
      loop_.run_one_for(std::chrono::milliseconds(1));
    }
    return std::nullopt;
  }

  asio::io_context loop_;
  KernelRegistrar registrar_{loop_.get_executor(), "127.0.0.1"};
  synthetic::ZmqContext context_;
  synthetic::ZmqSocket socket_{context_, ZMQ_DEALER};
};

TEST_F(KernelRegistrarTest, a_kernel_registers_as_jupyter_documents_it) {
  const auto file = expect("1-2-3-4-5", "key", RegistrationDialect::jupyter);
  EXPECT_EQ(file.at("kernel_id"), "1-2-3-4-5");
  EXPECT_TRUE(file.at("registration_port").is_string());
  EXPECT_FALSE(file.contains("shell_port"));
  EXPECT_FALSE(registrar_.is_registered("1-2-3-4-5"));
  send("key", {ports(5000, true)});
  const auto frames = answer();
  ASSERT_TRUE(frames);
  ASSERT_EQ(frames->size(), 3u);
  EXPECT_EQ((*frames)[2], "ACK");
  synthetic::MessageSigner signer("key");
  EXPECT_TRUE(signer.verify((*frames)[1], std::vector<std::string_view>{"ACK"}));
  const auto info = run_task(loop_, registrar_.wait_for("1-2-3-4-5"));
  ASSERT_TRUE(info);
  EXPECT_EQ(info->at("shell_port"), 5000);
  EXPECT_EQ(info->at("hb_port"), 5004);
  EXPECT_EQ(info->at("ip"), "127.0.0.1");
  EXPECT_EQ(info->at("key"), "key");
}

TEST_F(KernelRegistrarTest, a_kernel_registers_as_kallichore_does) {
  const auto file = expect("1-2-3-4-5", "key", RegistrationDialect::kallichore);
  EXPECT_TRUE(file.at("registration_port").is_number_integer());
  const std::string header = R"({"msg_id": "m", "msg_type": "handshake_request"})";
  send("key", {header, "{}", "{}", ports(6000, false)});
  const auto frames = answer();
  ASSERT_TRUE(frames);
  ASSERT_EQ(frames->size(), 6u);
  EXPECT_EQ(nlohmann::json::parse((*frames)[2]).at("msg_type"), "handshake_reply");
  EXPECT_EQ((*frames)[3], header);
  EXPECT_EQ(nlohmann::json::parse((*frames)[5]).at("status"), "ok");
  EXPECT_EQ(run_task(loop_, registrar_.wait_for("1-2-3-4-5"))->at("iopub_port"), 6001);
}

TEST_F(KernelRegistrarTest, the_key_tells_which_kernel_it_is) {
  expect("a-a-a-a-a", "key of a", RegistrationDialect::jupyter);
  ASSERT_TRUE(registrar_.expect("b-b-b-b-b", "key of b", RegistrationDialect::jupyter));
  send("key of b", {ports(7000, true)});
  ASSERT_TRUE(answer());
  EXPECT_FALSE(registrar_.is_registered("a-a-a-a-a"));
  EXPECT_TRUE(registrar_.is_registered("b-b-b-b-b"));
}

TEST_F(KernelRegistrarTest, what_is_not_signed_or_makes_no_sense_registers_nothing) {
  expect("1-2-3-4-5", "key", RegistrationDialect::jupyter);
  send("another key", {ports(5000, true)});
  socket_.send(Frames{"<IDS|MSG>", "", ports(5000, true)});
  socket_.send(Frames{"no delimiter"});
  send("key", {"not json"});
  send("key", {R"({"shell_port": "5000"})"});
  send("key", {R"({"kernel_id": "9-9-9-9-9"})"});
  send("key", {R"({"msg_type": "other"})", "{}", "{}", ports(5000, false)});
  send("key", {"{}", "{}"});
  send("key", {ports(8000, true)});  // The only one that is answered.
  const auto frames = answer();
  ASSERT_TRUE(frames);
  EXPECT_EQ(run_task(loop_, registrar_.wait_for("1-2-3-4-5"))->at("shell_port"), 8000);
  EXPECT_FALSE(socket_.try_receive());
}

TEST_F(KernelRegistrarTest, who_is_not_expected_is_told_so) {
  EXPECT_FALSE(run_task(loop_, registrar_.wait_for("1-2-3-4-5")));
  expect("1-2-3-4-5", "key", RegistrationDialect::jupyter);
  registrar_.forget("1-2-3-4-5");
  EXPECT_FALSE(run_task(loop_, registrar_.wait_for("1-2-3-4-5")));
}

TEST_F(KernelRegistrarTest, bytes_that_are_no_zmtp_end_their_connection_and_no_other) {
  const auto file = expect("1-2-3-4-5", "key", RegistrationDialect::kallichore);
  const std::string greeting = std::string("\xff\0\0\0\0\0\0\0\0\x7f\3\0NULL", 16) + std::string(48, '\0');
  for (const auto& bytes :
       {std::string(64, 'x'), greeting + std::string("\2\xff\xff\xff\xff\xff\xff\xff\xff", 9)}) {
    asio::ip::tcp::socket stranger(loop_);
    stranger.connect({asio::ip::make_address("127.0.0.1"),
                      static_cast<std::uint16_t>(file.at("registration_port").get<int>())});
    asio::write(stranger, asio::buffer(bytes));
    bool ended = false;
    std::string received;
    asio::async_read(stranger, asio::dynamic_buffer(received),
                     [&](const boost::system::error_code&, std::size_t) { ended = true; });
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!ended && std::chrono::steady_clock::now() < limit) loop_.run_one_for(std::chrono::seconds(1));
    EXPECT_TRUE(ended);
  }
  send("key", {ports(5000, true)});
  EXPECT_TRUE(answer());
}

TEST(registration_dialect, follows_the_protocol_version_and_the_metadata) {
  KernelSpec spec;
  EXPECT_FALSE(registration_dialect(spec).value());
  for (const auto* version : {"5", "5.5", "5.", "x.9", "4.9"}) {
    spec.kernel_protocol_version = version;
    EXPECT_FALSE(registration_dialect(spec).value()) << version;
  }
  for (const auto* version : {"5.6", "5.10", "6.0", "5.6.1"}) {
    spec.kernel_protocol_version = version;
    EXPECT_EQ(registration_dialect(spec).value(), RegistrationDialect::jupyter) << version;
  }
  spec.metadata["registration"] = "none";
  EXPECT_FALSE(registration_dialect(spec).value());
  spec.metadata["registration"] = "kallichore";
  EXPECT_EQ(registration_dialect(spec).value(), RegistrationDialect::kallichore);
  spec.metadata["registration"] = true;
  EXPECT_FALSE(registration_dialect(spec));
}

}  // namespace
}  // namespace nextgen_kernels
