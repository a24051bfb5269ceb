#include "clients/zmq/jupyter_server_kernel_client.h"

#include <array>

#include <boost/asio/post.hpp>

#include "kernel_fixture.h"
#include "provisioners/local/local_ports.h"

namespace nextgen_kernels {
namespace {

using testing::HasSubstr;

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

}  // namespace
}  // namespace nextgen_kernels
