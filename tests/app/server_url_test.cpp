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
  for (const auto* text : {"", "127.0.0.1:8888", "https://x", "http://", "http://x:0", "http://x:99999",
                           "http://x:1a", "http://x/?token=%zz"}) {
    EXPECT_FALSE(ServerUrl::parse(text)) << text;
  }
}

TEST(LocalUrl, names_an_address_that_can_be_clicked) {
  EXPECT_EQ(local_url("*", 1), "http://127.0.0.1:1");
  EXPECT_EQ(local_url("0.0.0.0", 1), "http://127.0.0.1:1");
  EXPECT_EQ(local_url("::1", 1), "http://[::1]:1");
  EXPECT_EQ(local_url("10.0.0.1", 1), "http://10.0.0.1:1");
}

}  // namespace
}  // namespace nextgen_kernels
