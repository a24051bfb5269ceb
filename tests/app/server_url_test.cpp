#include "app/server_url.h"

#include <gtest/gtest.h>

namespace nextgen_kernels {
namespace {

TEST(ServerUrl, reads_what_the_server_prints) {
  const auto url = ServerUrl::parse("http://127.0.0.1:8888/?token=a%2Fb");
  ASSERT_TRUE(url) << url.error().message;
  EXPECT_EQ(url->host, "127.0.0.1");
  EXPECT_EQ(url->port, 8888);
  EXPECT_EQ(url->base_path, "/");
  EXPECT_EQ(url->token, "a/b");
}

TEST(ServerUrl, host_alone_path_and_ipv6_are_understood) {
  EXPECT_EQ(ServerUrl::parse("http://kernels")->port, 80);
  EXPECT_EQ(ServerUrl::parse("http://kernels/user/me#x")->base_path, "/user/me/");
  const auto ipv6 = ServerUrl::parse("http://[::1]:9999");
  ASSERT_TRUE(ipv6);
  EXPECT_EQ(ipv6->host, "::1");
  EXPECT_EQ(ipv6->port, 9999);
}

TEST(ServerUrl, what_is_no_url_of_a_server_is_refused) {
  for (const auto* text : {"", "127.0.0.1:8888", "ftp://x", "http://", "http+unix://x", "http://x:0",
                           "http://x:99999", "http://x:1a", "http://x/?token=%zz"}) {
    EXPECT_FALSE(ServerUrl::parse(text)) << text;
  }
}

TEST(ServerUrl, tls_and_sockets_are_understood) {
  const auto tls = ServerUrl::parse("https://kernels/x");
  ASSERT_TRUE(tls);
  EXPECT_TRUE(tls->tls);
  EXPECT_EQ(tls->port, 443);
  EXPECT_EQ(ServerUrl::parse("https://kernels:8443")->port, 8443);
  const auto sock = ServerUrl::parse("http+unix://%2Frun%2Fk.sock/base?token=t");
  ASSERT_TRUE(sock);
  EXPECT_EQ(sock->sock, "/run/k.sock");
  EXPECT_EQ(sock->base_path, "/base/");
  EXPECT_EQ(sock->token, "t");
}

TEST(ServerAddress, has_a_url_that_reaches_it) {
  const auto url = [](std::string ip) { return ServerAddress{.ip = std::move(ip), .port = 1}.url(); };
  EXPECT_EQ(url("*"), "http://127.0.0.1:1/");
  EXPECT_EQ(url("0.0.0.0"), "http://127.0.0.1:1/");
  EXPECT_EQ(url("::1"), "http://[::1]:1/");
  EXPECT_EQ(url("10.0.0.1"), "http://10.0.0.1:1/");
  const ServerAddress tls{.scheme = "https", .ip = "10.0.0.1", .port = 1, .base_path = "/k/"};
  EXPECT_EQ(tls.url(), "https://10.0.0.1:1/k/");
  const ServerAddress sock{.ip = "127.0.0.1", .sock = "/run/k.sock"};
  EXPECT_EQ(sock.url(), "http+unix://%2Frun%2Fk.sock/");
}

}  // namespace
}  // namespace nextgen_kernels
