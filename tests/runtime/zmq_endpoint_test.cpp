#include "runtime/zmq_endpoint.h"

#include <gtest/gtest.h>

namespace nextgen_kernels {
namespace {

TEST(ZmqEndpoint, reads_addresses_and_names) {
  const auto plain = ZmqEndpoint::parse("tcp://127.0.0.1:5555");
  ASSERT_TRUE(plain) << plain.error().message;
  EXPECT_EQ(plain->transport, ZmqEndpoint::Transport::tcp);
  EXPECT_EQ(plain->host, "127.0.0.1");
  EXPECT_EQ(plain->port, "5555");
  EXPECT_EQ(ZmqEndpoint::parse("tcp://node-7.cluster:1")->host, "node-7.cluster");
}

TEST(ZmqEndpoint, reads_ipv6_with_and_without_brackets) {
  EXPECT_EQ(ZmqEndpoint::parse("tcp://[::1]:5555")->host, "::1");
  EXPECT_EQ(ZmqEndpoint::parse("tcp://::1:5555")->host, "::1");
}

TEST(ZmqEndpoint, reads_paths_of_unix_sockets) {
  const auto endpoint = ZmqEndpoint::parse("ipc:///run/user/kernel-1");
  ASSERT_TRUE(endpoint) << endpoint.error().message;
  EXPECT_EQ(endpoint->transport, ZmqEndpoint::Transport::ipc);
  EXPECT_EQ(endpoint->path, "/run/user/kernel-1");
}

TEST(ZmqEndpoint, refuses_what_is_no_address_and_names_it) {
  for (const auto* text : {"", "tcp://nowhere", "tcp://:1", "tcp://host:", "tcp://host:0", "tcp://host:65536",
                           "tcp://host:1x", "udp://host:1", "ipc://", "host:1"}) {
    const auto endpoint = ZmqEndpoint::parse(text);
    ASSERT_FALSE(endpoint) << text;
    EXPECT_TRUE(endpoint.error().message.contains(text)) << endpoint.error().message;
  }
}

TEST(ZmqEndpoint, refuses_a_path_that_no_socket_can_have) {
  const auto endpoint = ZmqEndpoint::parse("ipc://" + std::string(200, 'a'));
  ASSERT_FALSE(endpoint);
  EXPECT_TRUE(endpoint.error().message.contains("108")) << endpoint.error().message;
}

}  // namespace
}  // namespace nextgen_kernels
