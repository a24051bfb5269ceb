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
  for (const auto* text :
       {"", "/lab", ":8888", "ftp://x", "http://", "http+unix://x", "http://x:0", "http://x:99999",
        "http://x:1a", "http://x/?token=%zz", "http://x/a b", "http://x/\r\nHost: y"}) {
    EXPECT_FALSE(ServerUrl::parse(text)) << text;
  }
}

TEST(ServerUrl, host_and_port_are_enough) {
  const auto url = ServerUrl::parse("localhost:8888");
  ASSERT_TRUE(url) << url.error().message;
  EXPECT_FALSE(url->tls);
  EXPECT_EQ(url->host, "localhost");
  EXPECT_EQ(url->port, 8888);
  EXPECT_EQ(ServerUrl::parse("[::1]:9999/lab?token=t")->host, "::1");
  EXPECT_EQ(ServerUrl::parse(" kernels:1/base/lab?token=t\n")->token, "t");
}

TEST(ServerUrl, the_address_of_a_page_is_one_of_its_server) {
  const auto base = [](const std::string& path) { return ServerUrl::parse("http://x" + path)->base_path; };
  for (const auto* page :
       {"", "/", "//", "/lab", "/lab/", "/lab/tree/data/lab/a.ipynb?reset", "/tree", "/tree//",
        "/notebooks/a.ipynb", "/doc/tree/a.md", "/api/kernels", "/login?next=%2Flab"})
    EXPECT_EQ(base(page), "/") << page;
  EXPECT_EQ(base("/base/lab/workspaces/auto-1"), "/base/");
  EXPECT_EQ(base("/a/b"), "/a/b/");
  EXPECT_EQ(base("//a//b///"), "/a/b/");
  EXPECT_EQ(base("/user/lab/lab/tree/user/x"), "/user/lab/");
  EXPECT_EQ(base("/hub/user/tree/gpu/tree"), "/hub/user/tree/gpu/");
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

TEST(ServerAddress, shows_any_token_so_that_it_can_be_clicked_and_typed) {
  const ServerAddress address{.ip = "10.0.0.1", .port = 1, .base_path = "/k/"};
  EXPECT_EQ(address.login_url("abc123"), "http://10.0.0.1:1/k/?token=abc123");
  EXPECT_EQ(address.login_url(""), "http://10.0.0.1:1/k/");
  EXPECT_EQ(address.attach_command("abc123"),
            "jupyter lab --gateway-url=http://10.0.0.1:1/k --GatewayClient.auth_token=abc123 "
            "--GatewayClient.allowed_envs=JPY_SESSION_NAME");
  EXPECT_EQ(address.attach_command(""),
            "jupyter lab --gateway-url=http://10.0.0.1:1/k --GatewayClient.allowed_envs=JPY_SESSION_NAME");

  const std::string token = "a&b=c #+%20'$(x)ü";
  EXPECT_EQ(ServerUrl::parse(address.login_url(token))->token, token);
  EXPECT_EQ(address.attach_command(token),
            "jupyter lab --gateway-url=http://10.0.0.1:1/k "
            R"('--GatewayClient.auth_token=a&b=c #+%20'\''$(x)ü')"
            " --GatewayClient.allowed_envs=JPY_SESSION_NAME");
}

}  // namespace
}  // namespace nextgen_kernels
