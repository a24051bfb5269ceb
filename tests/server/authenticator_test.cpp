#include "server/authenticator.h"

#include <future>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/task_group.h"
#include "server/password.h"

namespace nextgen_kernels {
namespace {

using testing::ContainsRegex;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

HttpRequest request_with(std::string_view name, std::string_view value) {
  HttpRequest request;
  request.headers.set(http::field::host, "127.0.0.1:8888");
  request.headers.set(name, value);
  return request;
}

Authenticator authenticator_with(std::vector<User> users) {
  return {std::move(users), {.base_url = "/base/"}};
}

User own_user(std::string token) {
  return {.token = std::move(token), .all_kernels = true};
}

Credential credential_of(const Authenticator& authenticator, HttpRequest request) {
  authenticator.authenticate(request);
  EXPECT_EQ(request.user != nullptr, request.credential != Credential::none);
  return request.credential;
}

Credential credential_of(const HttpRequest& request) {
  return credential_of(authenticator_with({own_user("tok")}), request);
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

std::string cookie_of(const Authenticator& authenticator, const HttpRequest& request, const User& user) {
  const auto cookie = authenticator.make_cookie(request, user);
  return cookie.substr(0, cookie.find(';'));
}

TEST(Authenticator, takes_the_cookie_that_it_made) {
  const auto user = own_user("tok");
  const auto authenticator = authenticator_with({user});
  const auto request = request_with("Accept", "*/*");
  EXPECT_THAT(authenticator.make_cookie(request, user),
              HasSubstr("; Max-Age=2592000; HttpOnly; SameSite=Lax; Path=/base/"));
  const auto cookie = cookie_of(authenticator, request, user);
  EXPECT_THAT(cookie, StartsWith("username-127-0-0-1-8888="));
  EXPECT_THAT(cookie, Not(HasSubstr("tok")));
  EXPECT_EQ(credential_of(authenticator, request_with("Cookie", "a=b; " + cookie + "; c")),
            Credential::cookie);
}

HttpRequest request_over_tls() {
  auto request = request_with("Accept", "*/*");
  request.is_https = true;
  return request;
}

TEST(Authenticator, pages_of_other_sites_get_the_cookie_sent_over_tls_only) {
  const auto user = own_user("tok");
  const Authenticator authenticator({user}, {.cross_site_cookies = true, .base_url = "/"});
  const auto request = request_over_tls();
  EXPECT_THAT(authenticator.make_cookie(request, user),
              HasSubstr("; HttpOnly; SameSite=None; Secure; Path=/"));
  EXPECT_THAT(authenticator.clear_cookie(request), HasSubstr("; SameSite=None; Secure"));
  EXPECT_THAT(authenticator.make_xsrf_cookie(request, "x"), HasSubstr("; SameSite=Lax; Secure"));
  const auto plain = request_with("Accept", "*/*");
  EXPECT_THAT(authenticator.make_cookie(plain, user), HasSubstr("; SameSite=Lax; Path"));
}

TEST(Authenticator, cookies_that_come_over_tls_go_back_over_tls_only_unless_told_otherwise) {
  const auto user = own_user("tok");
  const auto plain = request_with("Accept", "*/*");
  const auto cookies = [&user](std::optional<bool> secure_cookie, const HttpRequest& request) {
    const Authenticator authenticator({user}, {.secure_cookie = secure_cookie});
    return authenticator.make_cookie(request, user) + authenticator.make_xsrf_cookie(request, "x");
  };
  EXPECT_THAT(cookies({}, request_over_tls()), ContainsRegex("; Secure; Path=/_xsrf=.*; Secure; Path=/"));
  EXPECT_THAT(cookies(true, plain), ContainsRegex("; Secure; Path=/_xsrf=.*; Secure; Path=/"));
  EXPECT_THAT(cookies({}, plain), Not(HasSubstr("Secure")));
  EXPECT_THAT(cookies(false, request_over_tls()), Not(HasSubstr("Secure")));
}

TEST(Authenticator, the_cookie_has_the_options_that_are_configured) {
  const auto user = own_user("tok");
  const auto options = parse_cookie_options({{"SameSite", "strict"},
                                             {"Secure", "True"},
                                             {"httponly", "false"},
                                             {"domain", "example.org"},
                                             {"path", "/elsewhere"},
                                             {"expires_days", "0.5"}});
  ASSERT_TRUE(options) << options.error().message;
  const Authenticator authenticator({user}, {.cookie_options = *options, .base_url = "/base/"});
  const auto request = request_with("Accept", "*/*");
  const std::string attributes = "; SameSite=Strict; Secure; Path=/elsewhere; Domain=example.org";
  EXPECT_THAT(authenticator.make_cookie(request, user), EndsWith("; Max-Age=43200" + attributes));
  EXPECT_THAT(authenticator.clear_cookie(request), EndsWith("=; Max-Age=0" + attributes));
  EXPECT_EQ(authenticator.make_xsrf_cookie(request, "x"), "_xsrf=x; SameSite=Lax; Path=/base/");
  EXPECT_EQ(credential_of(authenticator, request_with("Cookie", cookie_of(authenticator, request, user))),
            Credential::cookie);
}

TEST(Authenticator, options_of_cookies_that_make_no_sense_are_refused) {
  using Options = std::map<std::string, std::string>;
  for (const auto& wrong :
       {Options{{"samesite", "sometimes"}}, Options{{"secure", "yes please"}}, Options{{"httponly", ""}},
        Options{{"domain", "a; b"}}, Options{{"domain", ""}}, Options{{"path", "relative"}},
        Options{{"path", "/a\r\nX: y"}}, Options{{"max_age", "0"}}, Options{{"max_age", "nan"}},
        Options{{"max_age", "1e99"}}, Options{{"expires_days", "3651"}}, Options{{"expires_days", "-1"}},
        Options{{"nonsense", "1"}}}) {
    const auto options = parse_cookie_options(wrong);
    ASSERT_FALSE(options) << wrong.begin()->first;
    EXPECT_THAT(options.error().message,
                StartsWith("IdentityProvider.cookie_options: " + wrong.begin()->first));
  }
}

TEST(Authenticator, refuses_cookies_of_others) {
  const auto user = own_user("tok");
  const auto authenticator = authenticator_with({user});
  const auto request = request_with("Accept", "*/*");
  const auto cookie = cookie_of(authenticator, request, user);
  const auto refused = [&authenticator](const HttpRequest& forged) {
    return credential_of(authenticator, forged) == Credential::none;
  };
  EXPECT_TRUE(refused(request_with("Cookie", cookie + "0")));
  EXPECT_TRUE(refused(request_with("Cookie", cookie.substr(0, cookie.size() - 1))));
  EXPECT_TRUE(refused(request_with("Cookie", "username-127-0-0-1-8888=tok")));
  EXPECT_TRUE(refused(request_with("Cookie", "username-127-0-0-1-8888=99999999999:")));
  const auto later = cookie.find('=') + 1;
  EXPECT_TRUE(refused(request_with("Cookie", cookie.substr(0, later) + "9" + cookie.substr(later))));
  const auto old = own_user("old token");
  EXPECT_TRUE(refused(request_with("Cookie", cookie_of(authenticator_with({old}), request, old))));
  auto other_port = request_with("Cookie", cookie);
  other_port.headers.set(http::field::host, "127.0.0.1:9999");
  EXPECT_TRUE(refused(other_port));
}

TEST(Authenticator, a_cookie_ends_when_what_it_stands_for_changes) {
  const User before{.username = "ada", .token = "ada's token"};
  auto now = before;
  now.read_only = true;
  const auto request = request_with("Accept", "*/*");
  const auto cookie = cookie_of(authenticator_with({before}), request, before);
  EXPECT_EQ(credential_of(authenticator_with({before}), request_with("Cookie", cookie)), Credential::cookie);
  EXPECT_EQ(credential_of(authenticator_with({now}), request_with("Cookie", cookie)), Credential::none);
}

TEST(Authenticator, knows_who_shows_which_token_or_cookie) {
  const User ada{.username = "ada", .token = "ada's token"};
  const User bob{.username = "bob", .token = "bob's token"};
  const auto authenticator = authenticator_with({ada, bob, own_user("tok")});
  auto request = request_with("Authorization", "token bob's token");
  authenticator.authenticate(request);
  EXPECT_EQ(request.user->username, "bob");
  EXPECT_FALSE(request.user->all_kernels);
  auto again = request_with("Cookie", cookie_of(authenticator, request, *request.user));
  authenticator.authenticate(again);
  EXPECT_EQ(again.user->username, "bob");
}

TEST(Authenticator, without_anybody_lets_everybody_in) {
  const auto authenticator = authenticator_with({});
  EXPECT_EQ(credential_of(authenticator, HttpRequest{}), Credential::not_required);
  EXPECT_EQ(credential_of(authenticator, request_with("Authorization", "token ")), Credential::not_required);
}

TEST(Authenticator, a_page_shows_that_it_is_ours_by_sending_its_cookie_back) {
  const auto authenticator = authenticator_with({own_user("tok")});
  const auto token = authenticator.xsrf_token(HttpRequest{});
  EXPECT_EQ(authenticator.make_xsrf_cookie(HttpRequest{}, token),
            "_xsrf=" + token + "; SameSite=Lax; Path=/base/");
  auto request = request_with("Cookie", "_xsrf=" + token);
  EXPECT_EQ(authenticator.xsrf_token(request), token);
  EXPECT_FALSE(authenticator.shows_xsrf_token(request));
  EXPECT_TRUE(authenticator.shows_xsrf_token(request, token));
  EXPECT_FALSE(authenticator.shows_xsrf_token(request, authenticator.xsrf_token(HttpRequest{})));
  request.headers.set("X-XSRFToken", token);
  EXPECT_TRUE(authenticator.shows_xsrf_token(request));
  request.headers.set("X-XSRFToken", token + "0");
  EXPECT_FALSE(authenticator.shows_xsrf_token(request));
  // What somebody else made up, and put into both places.
  const std::string forged(token.size(), 'a');
  auto foreign = request_with("Cookie", "_xsrf=" + forged);
  foreign.headers.set("X-XSRFToken", forged);
  EXPECT_FALSE(authenticator.shows_xsrf_token(foreign));
}

TEST(Authenticator, where_that_is_not_checked_everybody_has_shown_it) {
  const Authenticator authenticator({own_user("tok")}, {.check_xsrf = false});
  EXPECT_TRUE(authenticator.shows_xsrf_token(HttpRequest{}));
  EXPECT_FALSE(authenticator.xsrf_token(HttpRequest{}).empty()) << "pages have one all the same";
}

using LoginResult = std::optional<Result<UserPointer>>;

Task<void> log_in(Authenticator* authenticator, BlockingPool* pool, std::string username,
                  std::string password, std::string client, std::shared_ptr<LoginResult> result) {
  *result = co_await authenticator->log_in(std::move(username), std::move(password), std::move(client), pool);
}

/// An authenticator on an event loop, and clients that try to log in.
class LoginAttempts : public testing::Test {
 protected:
  void TearDown() override {
    tasks_.cancel();
    asio::co_spawn(loop_, tasks_.join(), asio::detached);
    run();
  }

  /// Begins to log in; the result comes when it is there.
  std::shared_ptr<LoginResult> begin(const std::string& password, const std::string& client,
                                     const std::string& username = "") {
    auto result = std::make_shared<LoginResult>();
    tasks_.spawn("log in", log_in(&*authenticator_, &pool_, username, password, client, result));
    loop_.restart();
    loop_.poll();
    return result;
  }

  void run() {
    loop_.restart();
    loop_.run();
  }

  asio::io_context loop_;
  BlockingPool pool_{1};
  std::optional<Authenticator> authenticator_;
  TaskGroup tasks_{loop_.get_executor()};
};

TEST_F(LoginAttempts, are_bounded_for_each_client_and_for_all) {
  authenticator_.emplace(std::vector{own_user("tok")},
                         Authenticator::Settings{.wait_after_failure = std::chrono::hours(1)});
  const auto fill = [this](const std::string& client) {
    for (int i = 0; i < 64; ++i) EXPECT_FALSE(begin("wrong", client)->has_value());
    const auto refused = begin("tok", client);
    ASSERT_TRUE(refused->has_value());
    EXPECT_EQ((*refused)->error().code, ErrorCode::unavailable);
  };
  fill("10.0.0.1");
  const auto other = begin("tok", "10.0.0.2");
  ASSERT_TRUE(other->has_value());
  EXPECT_NE((*other)->value(), nullptr);
  for (int client = 2; client <= 8; ++client) fill("10.0.0." + std::to_string(client));
  const auto too_many = begin("tok", "10.0.0.9");
  ASSERT_TRUE(too_many->has_value());
  EXPECT_EQ((*too_many)->error().code, ErrorCode::unavailable);
}

TEST_F(LoginAttempts, of_one_client_wait_for_each_other) {
  authenticator_.emplace(std::vector{own_user("tok")},
                         Authenticator::Settings{.wait_after_failure = std::chrono::milliseconds(1)});
  std::vector<std::shared_ptr<LoginResult>> guesses;
  for (int i = 0; i < 40; ++i) guesses.push_back(begin("wrong", ""));
  const auto right = begin("tok", "");
  run();
  EXPECT_NE((*right)->value(), nullptr);
  for (const auto& guess : guesses) EXPECT_EQ((*guess)->value(), nullptr);
}

TEST_F(LoginAttempts, look_at_a_password_whoever_is_named) {
  const User ada{.username = "ada", .hashed_password = hash_password("open sesame").value()};
  const User bob{.username = "bob", .token = "0123456789abcdef"};
  authenticator_.emplace(std::vector{ada, bob},
                         Authenticator::Settings{.wait_after_failure = std::chrono::seconds(0)});
  std::promise<void> released;
  pool_.run_then(loop_.get_executor(), [&released] { released.get_future().get(); }, [] {});
  const auto right = begin("open sesame", "", "ada");
  const auto wrong = begin("open barley", "", "ada");
  const auto without_password = begin("open sesame", "", "bob");
  const auto unknown = begin("open sesame", "", "eve");
  // Whoever needs no look at a password does not wait for the pool.
  begin("0123456789abcdef", "", "bob");
  loop_.restart();
  while (loop_.poll() > 0) {
  }
  const std::vector attempts = {right, wrong, without_password, unknown};
  for (const auto& attempt : attempts) EXPECT_FALSE(attempt->has_value());
  released.set_value();
  run();
  for (const auto& attempt : attempts) ASSERT_TRUE(attempt->has_value());
  EXPECT_EQ((*right)->value()->username, "ada");
  for (const auto& attempt : {wrong, without_password, unknown}) EXPECT_EQ((*attempt)->value(), nullptr);
}

TEST(Password, is_verified_against_its_hash) {
  const auto hash = hash_password("open sesame");
  ASSERT_TRUE(hash) << hash.error().message;
  EXPECT_THAT(*hash, StartsWith("argon2:$argon2id$v=19$m=10240,t=10,p=8$"));
  EXPECT_TRUE(check_password_hash(*hash));
  EXPECT_TRUE(verify_password(*hash, "open sesame"));
  EXPECT_FALSE(verify_password(*hash, "open barley"));
  EXPECT_NE(*hash_password("open sesame"), *hash);
}

TEST(Password, salts_have_128_random_bits) {
  const auto hash = hash_password("open sesame").value();
  const auto salt = hash.substr(hash.find("p=8$") + 4, hash.rfind('$') - hash.find("p=8$") - 4);
  // Of 32 hexadecimal digits, each of 4 bits; base64 without padding.
  EXPECT_EQ(salt.size(), 43u) << hash;
}

// As jupyter_server.auth.passwd() wrote it.
TEST(Password, hashes_of_upstream_are_good_here) {
  constexpr const char* hash =
      "argon2:$argon2id$v=19$m=10240,t=10,p=8$JMqBOOUFfgTt2mN9HJmwHQ$zPa7/"
      "PW2FTuVupfCk49yk3aL1aQ+vu5fRoAiAmW4vH8";
  EXPECT_TRUE(check_password_hash(hash));
  EXPECT_TRUE(verify_password(hash, "open sesame"));
}

TEST(Password, what_is_no_hash_is_refused) {
  for (const auto* text : {"", "open sesame", "sha1:67c9e60bb8b6:9ffede0825894254b2e042ea597d771089e11aed",
                           "argon2:", "argon2:$argon2id$v=19$m=10240,t=10,p=8$", "argon2:$argon2id$",
                           "argon2:$argon2id$v=19$m=4000000000,t=10,p=8$c29tZXNhbHQ$aaaa"})
    EXPECT_FALSE(check_password_hash(text)) << text;
}

TEST(Users, are_read_from_the_configuration) {
  const auto users = parse_users(
      {R"({"username": "ada", "name": "Ada Lovelace", "token": "0123456789abcdef", "read_only": true})",
       R"({"username": "bob", "token": "fedcba9876543210", "all_kernels": true})"});
  ASSERT_TRUE(users) << users.error().message;
  EXPECT_EQ((*users)[0].display_name, "Ada Lovelace");
  EXPECT_TRUE((*users)[0].read_only);
  EXPECT_FALSE((*users)[0].all_kernels);
  EXPECT_TRUE((*users)[1].all_kernels);
}

TEST(Users, what_is_wrong_with_one_is_said_without_its_token) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"({"token": "0123456789abcdef"})", "needs a username"},
      {R"({"username": "a b", "token": "0123456789abcdef"})", "needs a username"},
      {R"({"username": "ada"})", "needs a token or a hashed_password"},
      {R"({"username": "ada", "token": "0123"})", "too short"},
      {R"({"username": "ada", "token": 123})", "'token' must be a string"},
      {R"({"username": "ada", "token": "0123456789abcdef", "read_only": "no"})", "must be true or false"},
      {R"({"username": "ada", "token": "0123456789abcdef", "admin": true})", "there is no 'admin'"},
      {R"({"username": "ada", "hashed_password": "0123456789abcdef"})", "must begin with argon2:"},
  };
  for (const auto& [text, problem] : cases) {
    const auto users = parse_users({text});
    ASSERT_FALSE(users) << text;
    EXPECT_THAT(users.error().message, HasSubstr("IdentityProvider.users, entry 1: "));
    EXPECT_THAT(users.error().message, HasSubstr(problem));
    EXPECT_THAT(users.error().message, Not(HasSubstr("0123")));
  }
  const std::string ada = R"({"username": "ada", "token": "0123456789abcdef"})";
  EXPECT_FALSE(parse_users({ada, R"({"username": "bob", "token": "0123456789abcdef"})"}));
}

}  // namespace
}  // namespace nextgen_kernels
