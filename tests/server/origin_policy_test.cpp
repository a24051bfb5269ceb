#include "server/origin_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nextgen_kernels {
namespace {

using testing::HasSubstr;

using Headers = std::vector<std::pair<std::string, std::string>>;

HttpRequest request_with(const Headers& headers, Credential credential = Credential::cookie) {
  HttpRequest request;
  request.credential = credential;
  request.headers.set(http::field::host, "localhost:8888");
  for (const auto& [name, value] : headers) request.headers.set(name, value);
  return request;
}

OriginPolicy policy(OriginSettings settings = {}) {
  return OriginPolicy::make(std::move(settings)).value();
}

bool host_passes(std::string_view host, OriginSettings settings = {}) {
  return policy(std::move(settings)).check_host(request_with({{"Host", std::string(host)}})).has_value();
}

TEST(OriginPolicy, answers_to_names_of_this_machine_only) {
  for (const auto* host : {"localhost", "LocalHost:8888", "127.0.0.1", "127.8.9.10:1", "[::1]", "[::1]:8888"})
    EXPECT_TRUE(host_passes(host)) << host;
  for (const auto* host : {"evil.example", "localhost.evil.example:80", "10.0.0.1", "0.0.0.0:8888", "[",
                           "[::2]:1", "127.0.0.1.evil", "[::1].evil.example", "[::1]evil:80", "[::1", "::1]"})
    EXPECT_FALSE(host_passes(host)) << host;
}

TEST(OriginPolicy, answers_to_other_names_when_told_so) {
  OriginSettings remote;
  remote.allow_remote_access = true;
  EXPECT_TRUE(host_passes("evil.example", remote));
  OriginSettings named;
  named.local_hostnames = {"box"};
  EXPECT_TRUE(host_passes("box:8888", named));
  EXPECT_FALSE(host_passes("other:8888", named));
  named.local_hostnames = {"MyBox"};
  for (const auto* host : {"MyBox", "mybox:8888", "MYBOX"}) EXPECT_TRUE(host_passes(host, named)) << host;
}

TEST(OriginPolicy, lets_own_pages_and_programs_in) {
  EXPECT_TRUE(policy().check_origin(request_with({})));
  EXPECT_TRUE(policy().check_origin(request_with({{"Origin", "http://localhost:8888"}})));
  EXPECT_TRUE(policy().check_origin(request_with({{"Origin", "HTTP://LOCALHOST:8888"}})));
}

TEST(OriginPolicy, keeps_other_sites_out) {
  for (const auto* origin : {"http://evil.example", "http://localhost:9999", "http://localhost", "null", "",
                             "http://localhost:8888.evil.example", "http://evil.example/localhost:8888"}) {
    EXPECT_FALSE(policy().check_origin(request_with({{"Origin", origin}}))) << origin;
    EXPECT_FALSE(policy().check_origin(request_with({{"Origin", origin}}, Credential::not_required)))
        << origin;
    EXPECT_TRUE(policy().check_origin(request_with({{"Origin", origin}}, Credential::token))) << origin;
  }
}

TEST(OriginPolicy, lets_configured_sites_in) {
  OriginSettings one;
  one.allow_origin = "https://lab.example";
  EXPECT_TRUE(policy(one).check_origin(request_with({{"Origin", "https://lab.example"}})));
  EXPECT_FALSE(policy(one).check_origin(request_with({{"Origin", "https://lab.example.evil"}})));
  OriginSettings pattern;
  pattern.allow_origin_pat = R"(https://\w+\.example)";
  EXPECT_TRUE(policy(pattern).check_origin(request_with({{"Origin", "https://a.example"}})));
  EXPECT_FALSE(policy(pattern).check_origin(request_with({{"Origin", "https://a.example.evil"}})));
  OriginSettings capitals;
  capitals.allow_origin_pat = R"(https://[A-M]\w*\.Lab\.example)";
  for (const auto* origin : {"https://a.lab.example", "https://A.LAB.Example", "https://Max.Lab.example"})
    EXPECT_TRUE(policy(capitals).check_origin(request_with({{"Origin", origin}}))) << origin;
  EXPECT_FALSE(policy(capitals).check_origin(request_with({{"Origin", "https://z.lab.example"}})));
  EXPECT_FALSE(
      policy(pattern).check_origin(request_with({{"Origin", "https://" + std::string(10'000, 'a')}})));
  OriginSettings all;
  all.allow_origin = "*";
  EXPECT_TRUE(policy(all).check_origin(request_with({{"Origin", "https://evil.example"}})));
}

TEST(OriginPolicy, refuses_a_broken_pattern) {
  OriginSettings settings;
  settings.allow_origin_pat = "https://(";
  const auto made = OriginPolicy::make(settings);
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().message, HasSubstr("allow_origin_pat 'https://(' is not a regular expression"));
}

TEST(OriginPolicy, wants_browsers_with_a_cookie_to_show_whose_page_asks) {
  const auto passes = [](const Headers& headers, Credential credential = Credential::cookie) {
    return policy().check_same_site(request_with(headers, credential)).has_value();
  };
  EXPECT_TRUE(passes({{"Origin", "http://localhost:8888"}}));
  EXPECT_FALSE(passes({{"Origin", "http://evil.example"}}));
  EXPECT_TRUE(passes({{"Sec-Fetch-Site", "same-origin"}}));
  EXPECT_FALSE(passes({{"Sec-Fetch-Site", "cross-site"}, {"Referer", "http://localhost:8888/"}}));
  EXPECT_FALSE(passes({{"Sec-Fetch-Site", "same-site"}}));
  EXPECT_TRUE(passes({{"Referer", "http://localhost:8888/x?y"}}));
  EXPECT_FALSE(passes({{"Referer", "http://evil.example/http://localhost:8888/"}}));
  EXPECT_FALSE(passes({}));
  EXPECT_TRUE(passes({}, Credential::token));
  EXPECT_TRUE(passes({}, Credential::not_required));
  EXPECT_FALSE(passes({{"Referer", "http://evil.example/"}}, Credential::not_required));
}

TEST(OriginPolicy, all_sites_may_ask_but_not_act_for_those_with_a_cookie) {
  OriginSettings all;
  all.allow_origin = "*";
  const auto passes = [&all](const Headers& headers, Credential credential) {
    return policy(all).check_same_site(request_with(headers, credential)).has_value();
  };
  const Headers foreign = {{"Origin", "http://localhost:9999"}, {"Sec-Fetch-Site", "same-site"}};
  EXPECT_FALSE(passes(foreign, Credential::cookie));
  EXPECT_FALSE(passes({{"Sec-Fetch-Site", "same-site"}}, Credential::cookie));
  EXPECT_TRUE(passes({{"Origin", "http://localhost:8888"}}, Credential::cookie));
  EXPECT_TRUE(passes(foreign, Credential::token));
  EXPECT_TRUE(passes(foreign, Credential::not_required));
  OriginSettings one;
  one.allow_origin = "https://lab.example";
  EXPECT_TRUE(policy(one).check_same_site(request_with({{"Origin", "https://lab.example"}})));
}

TEST(OriginPolicy, cookies_come_from_sites_that_are_named) {
  OriginSettings settings;
  settings.allow_origin = "https://lab.example";
  EXPECT_FALSE(settings.lets_sites_send_cookies());
  settings.allow_credentials = true;
  EXPECT_TRUE(settings.lets_sites_send_cookies());
  settings.allow_origin = "*";
  EXPECT_FALSE(settings.lets_sites_send_cookies());
  settings.allow_origin = "";
  EXPECT_FALSE(settings.lets_sites_send_cookies());
  settings.allow_origin_pat = "https://.*";
  EXPECT_TRUE(settings.lets_sites_send_cookies());
}

std::string allowed_origin(const OriginSettings& settings, const std::string& origin, Credential credential) {
  HttpResponse response;
  policy(settings).add_cors_headers(request_with({{"Origin", origin}}, credential), response);
  return response.headers[http::field::access_control_allow_origin];
}

TEST(OriginPolicy, lets_pages_read_answers_that_they_may_have) {
  OriginSettings one;
  one.allow_origin = "https://lab.example";
  EXPECT_EQ(allowed_origin({}, "https://a.example", Credential::token), "https://a.example");
  EXPECT_EQ(allowed_origin({}, "https://a.example", Credential::cookie), "");
  EXPECT_EQ(allowed_origin(one, "https://a.example", Credential::token), "");
  EXPECT_EQ(allowed_origin(one, "https://lab.example", Credential::cookie), "https://lab.example");
}

}  // namespace
}  // namespace nextgen_kernels
