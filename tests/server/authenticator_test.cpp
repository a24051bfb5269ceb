#include "server/authenticator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nextgen_kernels {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

HttpRequest request_with(std::string_view name, std::string_view value) {
  HttpRequest request;
  request.headers.set(http::field::host, "127.0.0.1:8888");
  request.headers.set(name, value);
  return request;
}

Credential credential_of(const HttpRequest& request) {
  return Authenticator("tok").authenticate(request);
}

TEST(Authenticator, takes_the_token_in_a_header_of_either_scheme) {
  for (const auto* value : {"token tok", "Token tok", "TOKEN  tok ", "Bearer tok", "bearer tok"})
    EXPECT_EQ(credential_of(request_with("Authorization", value)), Credential::token) << value;
}

TEST(Authenticator, refuses_everything_else_in_a_header) {
  for (const auto* value :
       {"", "tok", "token", "token ", "token to", "token tokk", "Basic tok", "token tok, tok"})
    EXPECT_EQ(credential_of(request_with("Authorization", value)), Credential::none) << value;
}

TEST(Authenticator, takes_the_token_in_the_query) {
  HttpRequest request;
  request.query = {{"token", "tok"}};
  EXPECT_EQ(credential_of(request), Credential::token);
  request.query = {{"token", "other"}};
  EXPECT_EQ(credential_of(request), Credential::none);
  request.query = {{"token", ""}};
  EXPECT_EQ(credential_of(request), Credential::none);
}

std::string cookie_of(const Authenticator& authenticator, const HttpRequest& request) {
  const auto cookie = authenticator.make_cookie(request, "/base/");
  return cookie.substr(0, cookie.find(';'));
}

TEST(Authenticator, takes_the_cookie_that_it_made) {
  const Authenticator authenticator("tok");
  const auto request = request_with("Accept", "*/*");
  EXPECT_THAT(authenticator.make_cookie(request, "/base/"),
              HasSubstr("; HttpOnly; SameSite=Lax; Path=/base/"));
  const auto cookie = cookie_of(authenticator, request);
  EXPECT_THAT(cookie, StartsWith("username-127-0-0-1-8888="));
  EXPECT_THAT(cookie, Not(HasSubstr("tok")));
  EXPECT_EQ(credential_of(request_with("Cookie", "a=b; " + cookie + "; c")), Credential::cookie);
}

TEST(Authenticator, refuses_cookies_of_others) {
  const auto request = request_with("Accept", "*/*");
  const auto cookie = cookie_of(Authenticator("tok"), request);
  EXPECT_EQ(credential_of(request_with("Cookie", cookie + "0")), Credential::none);
  EXPECT_EQ(credential_of(request_with("Cookie", cookie.substr(0, cookie.size() - 1))), Credential::none);
  EXPECT_EQ(credential_of(request_with("Cookie", "username-127-0-0-1-8888=tok")), Credential::none);
  EXPECT_EQ(credential_of(request_with("Cookie", cookie_of(Authenticator("old token"), request))),
            Credential::none);
  auto other_port = request_with("Cookie", cookie);
  other_port.headers.set(http::field::host, "127.0.0.1:9999");
  EXPECT_EQ(credential_of(other_port), Credential::none);
}

TEST(Authenticator, without_a_token_lets_everybody_in) {
  EXPECT_EQ(Authenticator("").authenticate(HttpRequest{}), Credential::not_required);
  EXPECT_EQ(Authenticator("").authenticate(request_with("Authorization", "token ")),
            Credential::not_required);
}

}  // namespace
}  // namespace nextgen_kernels
