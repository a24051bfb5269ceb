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

}  // namespace
}  // namespace nextgen_kernels
