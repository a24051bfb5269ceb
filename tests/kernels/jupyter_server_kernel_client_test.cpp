#include "clients/zmq/jupyter_server_kernel_client.h"

#include <array>

#include <boost/asio/post.hpp>

#include "../registry/log_capture.h"
#include "kernel_fixture.h"
#include "provisioners/local/local_ports.h"

namespace nextgen_kernels {
namespace {

using testing::HasSubstr;
using testing::Not;

class JupyterServerKernelClientTest : public KernelFixture {
 protected:
  /// Where no kernel listens.
  static ConnectionInfo info_of_no_kernel() {
    const auto ports = LocalPorts::choose("127.0.0.1").value();
    ConnectionInfo info = {
        {"transport", "tcp"}, {"ip", "127.0.0.1"}, {"key", "k"}, {"signature_scheme", "hmac-sha256"}};
    constexpr std::array names = {"shell_port", "iopub_port", "stdin_port", "control_port", "hb_port"};
    for (std::size_t i = 0; i < names.size(); ++i) info[names[i]] = ports.numbers()[i];
    return info;
  }
};

TEST_F(JupyterServerKernelClientTest, a_disconnect_ends_a_connect_under_way) {
  Conversation conversation({});
  JupyterServerKernelClient client(loop_.get_executor(), conversation);
  // Posted from handler to handler, so that it comes after connect has begun to wait.
  asio::post(loop_, [&] { asio::post(loop_, [&] { asio::post(loop_, [&] { client.disconnect(); }); }); });
  const auto connected = run(client.connect(info_of_no_kernel(), std::chrono::hours(1)));
  ASSERT_FALSE(connected);
  EXPECT_THAT(connected.error().message, HasSubstr("was closed before it answered"));
}

TEST_F(JupyterServerKernelClientTest, a_welcome_proves_the_subscription_and_is_not_for_listeners) {
  const LogCapture log;
  auto& kernel = make_kernel(synthetic_spec({"--omit-status"}));
  TestListener listener(*kernel.conversation(), "alice");
  ASSERT_TRUE(run(kernel.start_kernel()));
  ASSERT_TRUE(run(kernel.wait_until_ready()));
  EXPECT_THAT(log.text(), Not(HasSubstr("published nothing on iopub")));
  execute(kernel, listener, "print hello");
  run_until([&] { return listener.has("stream hello\n"); });
  EXPECT_FALSE(listener.has("iopub_welcome"));
}

TEST_F(JupyterServerKernelClientTest,
       in_the_place_of_a_message_that_is_too_large_its_type_and_size_are_told) {
  factories_.make_client = [this](const std::string&, Conversation& conversation,
                                  const Executor& executor) -> Result<std::unique_ptr<KernelClient>> {
    return std::make_unique<JupyterServerKernelClient>(executor, conversation, heartbeat_, 1'000'000);
  };
  const LogCapture log;
  auto& kernel = start_kernel(synthetic_spec());
  TestListener listener(*kernel.conversation(), "alice");
  const auto id = execute(kernel, listener, "flood 1 20000000");
  execute_and_wait(kernel, listener, "print later");
  EXPECT_THAT(listener.output_of(id), HasSubstr("A stream message of 19.1 MiB is left out"));
  EXPECT_TRUE(listener.has("stream later\n"));
  EXPECT_THAT(log.text(), HasSubstr("A stream message of 19.1 MiB"));
}

TEST_F(JupyterServerKernelClientTest,
       more_buffers_than_clients_take_are_told_as_a_message_that_is_too_large) {
  auto& kernel = start_kernel(synthetic_spec());
  TestListener listener(*kernel.conversation(), "alice");
  for (const auto* count : {"65537", "100000"}) {
    const auto id = execute(kernel, listener, "buffers " + std::string(count) + " 1");
    execute_and_wait(kernel, listener, "echo");
    EXPECT_THAT(listener.output_of(id), HasSubstr("A comm_msg message of")) << count;
  }
  execute_and_wait(kernel, listener, "buffers 65536 1");
  EXPECT_TRUE(listener.has("comm_msg"));
}

/// Notes how much there was to read at once.
class BatchListener : public TestListener {
 public:
  using TestListener::TestListener;

  void on_journal_activity() override {
    const auto before = messages.size();
    TestListener::on_journal_activity();
    std::size_t bytes = 0;
    for (auto i = before; i < messages.size(); ++i) bytes += messages[i]->memory_size();
    largest = std::max(largest, bytes);
  }

  std::size_t largest = 0;
};

TEST_F(JupyterServerKernelClientTest, a_kernel_that_says_a_lot_lets_its_listeners_keep_up) {
  auto& kernel = start_kernel(synthetic_spec());
  BatchListener listener(*kernel.conversation(), "alice");
  execute_and_wait(kernel, listener, "flood 1000 65536");
  EXPECT_GT(listener.messages.size(), 1000U);
  EXPECT_LE(listener.largest, std::size_t{1024 + 128} * 1024) << "a MiB, and the message that was over it";
}

}  // namespace
}  // namespace nextgen_kernels
