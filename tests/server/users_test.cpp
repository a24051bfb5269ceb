#include <atomic>

#include "server/event_bus.h"
#include "server/password.h"
#include "server_fixture.h"

namespace nextgen_kernels {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr const char* ada = "Authorization: token token-of-ada-0123\r\n";
constexpr const char* bob = "Authorization: token token-of-bob-0123\r\n";
constexpr const char* watcher = "Authorization: token token-of-watcher\r\n";
constexpr const char* server_token = "Authorization: token secret-token\r\n";

class UsersTest : public ServerFixture {
 protected:
  UsersTest() {
    settings_.users = {
        {.username = "ada", .display_name = "Ada Lovelace", .token = "token-of-ada-0123"},
        {.username = "bob", .token = "token-of-bob-0123"},
        {.username = "eve", .token = "token-of-watcher", .read_only = true, .all_kernels = true}};
    settings_.websockets.close_timeout = std::chrono::milliseconds(100);
  }

  std::string start_kernel_as(const char* user) {
    return request_with(user, "POST", "/api/kernels").json().at("id").get<std::string>();
  }

  TestWebSocket open_websocket_as(const std::string& token, const std::string& kernel,
                                  const std::string& session) {
    TestWebSocket socket(
        port_, fmt::format("/api/kernels/{}/channels?token={}&session_id={}", kernel, token, session));
    EXPECT_EQ(next_text(socket), "idle");
    return socket;
  }

  /// The text of the next stream, the state of the next status, or the type.
  static std::string next_text(TestWebSocket& socket) {
    const auto message = nlohmann::json::parse(socket.receive_message().value().payload);
    const auto& content = message.at("content");
    for (const auto* name : {"text", "execution_state"})
      if (content.contains(name)) return content.at(name);
    return message.at("msg_type");
  }

  /// An `execute_request`, or another question, once the kernel has it.
  void ask(TestWebSocket& socket, const std::string& type, const std::string& id) {
    socket.send_frame(WebSocketOpcode::text, request_text(type, id));
  }
  static std::string request_text(const std::string& type, const std::string& id) {
    return nlohmann::json{
        {"channel", "shell"},
        {"header", {{"msg_id", id}, {"msg_type", type}, {"session", "s"}, {"username", ""}}},
        {"parent_header", nlohmann::json::object()},
        {"metadata", nlohmann::json::object()},
        {"content", {{"code", "1"}}}}
        .dump();
  }

  /// What the kernel says.
  void say(const std::string& kernel_id, Channel channel, const std::string& type, const std::string& content,
           const std::string& parent_id) {
    const nlohmann::json parent = {{"msg_id", parent_id}, {"msg_type", "execute_request"}, {"session", "s"}};
    on_loop([&] {
      const auto conversation = kernels_->find_kernel(kernel_id)->conversation();
      conversation->receive(make_kernel_message(channel, type, content, parent.dump(), "kernel").value());
      conversation->flush();
    });
  }
  void print(const std::string& kernel_id, const std::string& text) {
    say(kernel_id, Channel::iopub, "stream", nlohmann::json{{"name", "stdout"}, {"text", text}}.dump(), "?");
  }

  std::string ready_kernel_as(const char* user) {
    auto kernel = start_kernel_as(user);
    wait_until([&] { return kernels_->find_kernel(kernel)->execution_state() == ExecutionState::idle; });
    return kernel;
  }

  std::size_t count(const char* user, const std::string& target) {
    return request_with(user, "GET", target).json().size();
  }
};

TEST_F(UsersTest, have_the_kernels_that_they_started) {
  start();
  const auto kernel = start_kernel_as(ada);
  EXPECT_EQ(on_loop([&] { return kernels_->find_kernel(kernel)->username(); }), "ada");
  EXPECT_EQ(count(ada, "/api/kernels"), 1u);
  EXPECT_EQ(count(bob, "/api/kernels"), 0u);
  EXPECT_EQ(count(watcher, "/api/kernels"), 1u);
  EXPECT_EQ(count(server_token, "/api/kernels"), 1u);
}

TEST_F(UsersTest, kernels_of_others_are_not_there) {
  start();
  const auto path = "/api/kernels/" + start_kernel_as(ada);
  const std::vector<std::pair<std::string, std::string>> requests = {
      {"GET", path},
      {"POST", path + "/interrupt"},
      {"POST", path + "/restart"},
      {"DELETE", path},
      {"GET", path + "/channels"},
      {"GET", "/api/nextgen" + path.substr(4) + "/journal"},
      {"GET", "/api/nextgen" + path.substr(4) + "/messages"},
      {"POST", "/api/nextgen" + path.substr(4) + "/execute"}};
  for (const auto& [method, target] : requests) {
    const auto response = request_with(bob, method, target);
    EXPECT_EQ(response.status, 404u) << method << " " << target;
    EXPECT_THAT(response.body, HasSubstr("Kernel does not exist: ")) << method << " " << target;
  }
  EXPECT_EQ(request_with(ada, "GET", path).status, 200u);
}

TEST_F(UsersTest, a_kernel_of_another_cannot_be_taken_by_its_id) {
  start();
  const auto kernel = start_kernel_as(ada);
  EXPECT_EQ(request_with(bob, "POST", "/api/kernels", R"({"kernel_id": ")" + kernel + R"("})").status, 409u);
  const auto session =
      request_with(bob, "POST", "/api/sessions",
                   R"({"path": "a.ipynb", "type": "notebook", "kernel": {"id": ")" + kernel + R"("}})");
  EXPECT_EQ(session.status, 409u);
  const auto own = request_with(bob, "POST", "/api/sessions", R"({"path": "a.ipynb", "type": "notebook"})");
  ASSERT_EQ(own.status, 201u);
  const auto id = own.json().at("id").get<std::string>();
  EXPECT_EQ(
      request_with(bob, "PATCH", "/api/sessions/" + id, R"({"kernel": {"id": ")" + kernel + R"("}})").status,
      400u);
}

TEST_F(UsersTest, have_a_session_each_for_the_same_path) {
  start();
  const std::string body = R"({"path": "a.ipynb", "type": "notebook"})";
  const auto first = request_with(ada, "POST", "/api/sessions", body).json();
  const auto second = request_with(bob, "POST", "/api/sessions", body).json();
  EXPECT_NE(first.at("id"), second.at("id"));
  EXPECT_NE(first.at("kernel").at("id"), second.at("kernel").at("id"));
  EXPECT_EQ(count(ada, "/api/sessions"), 1u);
  EXPECT_EQ(count(server_token, "/api/sessions"), 2u);
  const auto path = "/api/sessions/" + first.at("id").get<std::string>();
  for (const auto* method : {"GET", "PATCH", "DELETE"}) {
    const auto response = request_with(bob, method, path, method == std::string("PATCH") ? "{}" : "");
    EXPECT_EQ(response.status, 404u) << method;
    EXPECT_THAT(response.body, HasSubstr("Session not found")) << method;
  }
}

TEST_F(UsersTest, a_session_gets_no_kernel_of_another_user) {
  start();
  const auto body = R"({"path": "a.ipynb", "type": "notebook"})";
  const auto session = request_with(ada, "POST", "/api/sessions", body).json();
  const auto path = "/api/sessions/" + session.at("id").get<std::string>();
  const auto foreign = start_kernel_as(server_token);
  const auto give = [](const std::string& kernel) { return R"({"kernel": {"id": ")" + kernel + R"("}})"; };
  const auto refused = request_with(server_token, "PATCH", path, give(foreign));
  EXPECT_EQ(refused.status, 400u);
  EXPECT_THAT(refused.body, HasSubstr("is not of the user whose session this is"));
  const auto unchanged = request_with(ada, "GET", path).json();
  EXPECT_EQ(unchanged.at("kernel").at("id"), session.at("kernel").at("id"));
  EXPECT_EQ(request_with(server_token, "PATCH", path, give(start_kernel_as(ada))).status, 200u);
  const auto own = request_with(server_token, "POST", "/api/sessions", body).json().at("id");
  EXPECT_EQ(request_with(server_token, "PATCH", "/api/sessions/" + own.get<std::string>(),
                         give(start_kernel_as(ada)))
                .status,
            200u)
      << "who has all kernels may use them";
}

TEST_F(UsersTest, the_status_counts_what_they_may_see) {
  start();
  const auto kernel = ready_kernel_as(ada);
  auto socket = open_websocket_as("token-of-ada-0123", kernel, "s");
  for (const auto& [user, number] : {std::pair(ada, 1), std::pair(bob, 0), std::pair(watcher, 1)}) {
    const auto status = request_with(user, "GET", "/api/status").json();
    EXPECT_EQ(status.at("kernels"), number);
    EXPECT_EQ(status.at("connections"), number);
  }
}

TEST_F(UsersTest, events_are_posted_by_those_who_have_all_kernels) {
  start();
  const auto kernel = start_kernel_as(ada);
  TestWebSocket of_ada(port_, "/api/events/subscribe?token=token-of-ada-0123");
  TestWebSocket of_bob(port_, "/api/events/subscribe?token=token-of-bob-0123");
  const auto post = [&](const char* user, const std::string& id, const std::string& reason) {
    const nlohmann::json event = {{"schema_id", kernel_died_schema},
                                  {"version", "1"},
                                  {"data", {{"kernel_id", id}, {"reason", reason}}}};
    return request_with(user, "POST", "/api/events", event.dump()).status;
  };
  EXPECT_EQ(post(bob, kernel, "forged"), 403u);
  EXPECT_EQ(post(server_token, "unknown", "for those who have all"), 204u);
  EXPECT_EQ(post(server_token, kernel, "for its owner"), 204u);
  const auto own = start_kernel_as(bob);
  EXPECT_EQ(nlohmann::json::parse(of_ada.receive_message()->payload).at("reason"), "for its owner");
  EXPECT_EQ(nlohmann::json::parse(of_bob.receive_message()->payload).at("kernel_id"), own);
}

TEST_F(UsersTest, are_told_of_their_own_starts_that_failed) {
  start();
  const auto kernel = start_kernel_as(ada);
  TestWebSocket of_ada(port_, "/api/events/subscribe?token=token-of-ada-0123");
  TestWebSocket of_bob(port_, "/api/events/subscribe?token=token-of-bob-0123");
  EXPECT_EQ(request_with(bob, "POST", "/api/kernels", R"({"kernel_id": ")" + kernel + R"("})").status, 409u);
  EXPECT_EQ(request_with(ada, "POST", "/api/kernels", R"({"name": "nope"})").status, 404u);
  EXPECT_EQ(nlohmann::json::parse(of_bob.receive_message()->payload).at("status_code"), 409);
  EXPECT_EQ(nlohmann::json::parse(of_ada.receive_message()->payload).at("status_code"), 404);
}

TEST_F(UsersTest, nobody_says_who_somebody_else_is) {
  start();
  const auto started = request_with(ada, "POST", "/api/kernels", R"({"env": {"KERNEL_USERNAME": "bob"}})");
  ASSERT_EQ(started.status, 201u);
  EXPECT_EQ(count(ada, "/api/kernels"), 1u);
  EXPECT_EQ(count(bob, "/api/kernels"), 0u);
}

TEST_F(UsersTest, are_told_of_their_own_kernels_only) {
  start();
  TestWebSocket events(port_, "/api/events/subscribe?token=token-of-bob-0123");
  start_kernel_as(ada);
  const auto own = start_kernel_as(bob);
  const auto message = events.receive_message();
  ASSERT_TRUE(message);
  EXPECT_EQ(nlohmann::json::parse(message->payload).at("kernel_id"), own);
}

TEST_F(UsersTest, are_shown_who_they_are) {
  start();
  const auto me = request_with(ada, "GET", "/api/me").json().at("identity");
  EXPECT_EQ(me.at("username"), "ada");
  EXPECT_EQ(me.at("name"), "Ada Lovelace");
  EXPECT_EQ(me.at("initials"), "AL");
  EXPECT_EQ(request_with(server_token, "GET", "/api/me").json().at("identity").at("username"), "user");
  const auto asked = "/api/me?permissions=%7B%22kernels%22%3A%5B%22read%22%2C%22execute%22%5D%7D";
  EXPECT_EQ(request_with(ada, "GET", asked).json().at("permissions").at("kernels").size(), 2u);
  EXPECT_EQ(request_with(watcher, "GET", asked).json().at("permissions").at("kernels"),
            nlohmann::json::array({"read"}));
}

TEST_F(UsersTest, metrics_are_for_those_who_see_all) {
  start();
  EXPECT_EQ(request_with(ada, "GET", "/metrics").status, 403u);
  EXPECT_EQ(request_with(watcher, "GET", "/metrics").status, 200u);
}

TEST_F(UsersTest, metrics_that_strangers_see_all_users_see) {
  settings_.authenticate_prometheus = false;
  start();
  for (const auto* who : {"", ada, watcher}) EXPECT_EQ(request_with(who, "GET", "/metrics").status, 200u);
}

TEST_F(UsersTest, a_read_only_token_changes_nothing) {
  start();
  const auto kernel = start_kernel_as(ada);
  EXPECT_EQ(request_with(watcher, "GET", "/api/kernels/" + kernel).status, 200u);
  const std::vector<std::pair<std::string, std::string>> requests = {
      {"POST", "/api/kernels"},
      {"DELETE", "/api/kernels/" + kernel},
      {"POST", "/api/kernels/" + kernel + "/interrupt"},
      {"POST", "/api/sessions"},
      {"POST", "/api/events"},
      {"POST", "/api/nextgen/kernels/" + kernel + "/execute"}};
  for (const auto& [method, target] : requests) {
    const auto response = request_with(watcher, method, target);
    EXPECT_EQ(response.status, 403u) << method << " " << target;
    EXPECT_THAT(response.body, HasSubstr("read-only")) << method << " " << target;
  }
}

TEST_F(UsersTest, who_only_looks_does_not_get_the_prompts_and_replies_of_others) {
  start();
  const auto kernel = ready_kernel_as(ada);
  auto owner = open_websocket_as("token-of-ada-0123", kernel, "s");
  auto spy = open_websocket_as("token-of-watcher", kernel, "spy");
  ask(owner, "execute_request", "victim");
  wait_until([&] { return script_.sent.size() == 1; });
  ask(spy, "kernel_info_request", "victim");
  EXPECT_EQ(next_text(spy), "busy");
  EXPECT_THAT(
      nlohmann::json::parse(spy.receive_message()->payload).at("content").at("evalue").get<std::string>(),
      HasSubstr("another client's request"));
  EXPECT_EQ(next_text(spy), "idle");
  say(kernel, Channel::stdin_, "input_request", "{}", "victim");
  say(kernel, Channel::shell, "execute_reply", "{}", "victim");
  print(kernel, "for all");
  EXPECT_EQ(next_text(owner), "input_request");
  EXPECT_EQ(next_text(owner), "execute_reply");
  EXPECT_EQ(next_text(spy), "for all");
  EXPECT_EQ(on_loop([&] { return script_.sent.size(); }), 1u);
}

TEST_F(UsersTest, who_only_looks_does_not_answer_the_prompts_of_others) {
  start();
  const auto kernel = ready_kernel_as(ada);
  auto spy = open_websocket_as("token-of-watcher", kernel, "spy");
  auto answer = nlohmann::json::parse(request_text("kernel_info_request", "q"));
  answer["channel"] = "stdin";
  answer["content"] = {{"value", "not what the owner says"}};
  spy.send_frame(WebSocketOpcode::text, answer.dump());
  EXPECT_THAT(next_text(spy), HasSubstr("read-only"));
  EXPECT_EQ(on_loop([&] { return script_.sent.size(); }), 0u);
}

TEST_F(UsersTest, a_session_of_another_user_is_another_one_of_the_same_name) {
  start();
  const auto kernel = ready_kernel_as(ada);
  const auto connections = [&] { return kernels_->find_kernel(kernel)->connections(); };
  {
    auto owner = open_websocket_as("token-of-ada-0123", kernel, "s");
    ask(owner, "execute_request", "r1");
    wait_until([&] { return script_.sent.size() == 1; });
  }
  wait_until([&] { return connections() == 0; });
  print(kernel, "missed");
  {
    auto spy = open_websocket_as("token-of-watcher", kernel, "s");
    say(kernel, Channel::shell, "execute_reply", "{}", "r1");
    print(kernel, "for all");
    EXPECT_EQ(next_text(spy), "for all");
    spy.send_frame(WebSocketOpcode::close, close_payload(1000, ""));
    EXPECT_EQ(spy.receive_close(), 1000);
  }
  wait_until([&] { return connections() == 0; });
  const auto journal = "/api/nextgen/kernels/" + kernel + "/journal?session_id=s";
  EXPECT_NE(request_with(ada, "GET", journal).json().at("connection").at("journal"),
            request_with(watcher, "GET", journal).json().at("connection").at("journal"));
  TestWebSocket owner(port_, "/api/kernels/" + kernel + "/channels?token=token-of-ada-0123&session_id=s");
  std::vector<std::string> texts;
  while (texts.empty() || texts.back() != "for all") texts.push_back(next_text(owner));
  EXPECT_THAT(texts, testing::IsSupersetOf({"missed", "execute_reply"}));
}

TEST_F(UsersTest, who_only_looks_is_not_told_the_sessions_of_others) {
  start();
  const auto kernel = ready_kernel_as(ada);
  auto owner = open_websocket_as("token-of-ada-0123", kernel, "secret-session");
  ask(owner, "execute_request", "r1");
  wait_until([&] { return script_.sent.size() == 1; });
  say(kernel, Channel::shell, "execute_reply", "{}", "r1");
  const auto messages = "/api/nextgen/kernels/" + kernel + "/messages?channel=shell";
  EXPECT_THAT(request_with(ada, "GET", messages).body, HasSubstr(R"("requester": "secret-session")"));
  EXPECT_THAT(request_with(watcher, "GET", messages).body, HasSubstr(R"("requester": null)"));
}

TEST_F(UsersTest, limits_count_the_kernels_of_each) {
  manager_options_.max_kernels_per_user = 1;
  manager_options_.max_kernels = 3;
  start();
  start_kernel_as(ada);
  const auto refused = request_with(ada, "POST", "/api/kernels");
  EXPECT_EQ(refused.status, 403u);
  EXPECT_THAT(refused.body, HasSubstr("Resource Limit: ada has 1 kernels"));
  EXPECT_EQ(refused.json().at("reason"), "Resource Limit");
  start_kernel_as(bob);
  start_kernel_as(server_token);
  const auto full = request_with(server_token, "POST", "/api/kernels");
  EXPECT_EQ(full.status, 403u);
  EXPECT_THAT(full.body, HasSubstr("Resource Limit: 3 kernels run"));
}

TEST_F(UsersTest, more_websockets_than_allowed_are_refused) {
  settings_.websockets.most_sockets = 1;
  start();
  const auto kernel = start_kernel_as(server_token);
  const auto channels = "/api/kernels/" + kernel + "/channels";
  const std::string events = "/api/events/subscribe";
  const auto refusal_of = [this](const std::string& target) {
    return request_with(std::string(server_token) +
                            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
                        "GET", target);
  };
  for (const auto& open : {channels, events}) {
    TestWebSocket first(port_, open, server_token);
    for (const auto& target : {channels, events}) {
      const auto second = refusal_of(target);
      EXPECT_EQ(second.status, 503u) << open << ", then " << target;
      EXPECT_THAT(second.body, HasSubstr("ServerApp.max_websockets"));
    }
    first.send_frame(WebSocketOpcode::close, close_payload(1000, ""));
    EXPECT_EQ(first.receive_close(), 1000u);
    while (!first.at_end()) {
    }
  }
}

// The login page
// ------------------------------------------------------------------------------------------------

class LoginTest : public ServerFixture {
 protected:
  LoginTest() {
    settings_.token = "";
    settings_.hashed_password = *hash_password("open sesame");
  }

  static std::string first_cookie(const TestResponse& response) {
    const auto cookie = response.header("Set-Cookie");
    return cookie.substr(0, cookie.find(';'));
  }

  /// Fills in the form that a browser was given.
  TestResponse log_in(const std::string& target, const std::string& password) {
    const auto page = request_with("", "GET", "/login");
    EXPECT_EQ(page.status, 200u);
    const auto cookie = first_cookie(page);
    return request_with("Cookie: " + cookie + "\r\nContent-Type: application/x-www-form-urlencoded\r\n",
                        "POST", target, cookie + "&password=" + password);
  }
};

TEST_F(LoginTest, a_password_gives_a_cookie_that_lets_in) {
  start();
  const auto answer = log_in("/login?next=%2Ftree", "open+sesame");
  EXPECT_EQ(answer.status, 302u);
  EXPECT_EQ(answer.header("Location"), "/tree");
  const auto cookie = first_cookie(answer);
  EXPECT_THAT(cookie, StartsWith("username-localhost-"));
  EXPECT_EQ(request_with("Cookie: " + cookie + "\r\n", "GET", "/api/kernels").status, 200u);
  const auto out = request_with("Cookie: " + cookie + "\r\n", "GET", "/logout");
  EXPECT_EQ(out.status, 302u);
  EXPECT_THAT(out.header("Set-Cookie"), HasSubstr("=; Max-Age=0;"));
  // Nor does a copy of it let in, while another login's does.
  EXPECT_EQ(request_with("Cookie: " + cookie + "\r\n", "GET", "/api/kernels").status, 403u);
  const auto next = first_cookie(log_in("/login", "open+sesame"));
  EXPECT_EQ(request_with("Cookie: " + next + "\r\n", "GET", "/api/kernels").status, 200u);
}

TEST_F(LoginTest, a_wrong_password_lets_nobody_in) {
  start();
  const auto answer = log_in("/login", "open+barley");
  EXPECT_EQ(answer.status, 401u);
  EXPECT_THAT(answer.body, HasSubstr("That is not right."));
  EXPECT_THAT(answer.body, Not(HasSubstr("barley")));
}

TEST_F(LoginTest, one_who_guesses_keeps_out_nobody_else) {
  settings_.wait_after_failed_login = std::chrono::hours(1);
  start();
  const auto cookie = first_cookie(request_with("", "GET", "/login"));
  const auto guess = make_request_text("Cookie: " + cookie + "\r\n", "POST", "/login",
                                       cookie + "&username=nobody&password=open+barley");
  std::vector<std::unique_ptr<TestConnection>> guesses;
  for (int i = 0; i < 40; ++i) {
    guesses.push_back(std::make_unique<TestConnection>(port_, "127.0.0.2"));
    guesses.back()->send(guess);
  }
  EXPECT_EQ(log_in("/login", "open+sesame").status, 302u);
}

TEST_F(LoginTest, goes_on_to_pages_of_this_server_only) {
  start();
  for (const auto* next : {"%2F%2Fevil.example", "https%3A%2F%2Fevil.example", "%2F%5Cevil.example",
                           "%2Fa%0D%0ASet-Cookie%3A+a%3Db"})
    EXPECT_EQ(log_in(std::string("/login?next=") + next, "open+sesame").header("Location"), "/") << next;
}

TEST_F(LoginTest, a_form_of_another_site_is_refused) {
  start();
  EXPECT_EQ(request_with("", "POST", "/login", "password=open+sesame").status, 403u);
  EXPECT_EQ(request_with("Cookie: _xsrf=a\r\n", "POST", "/login", "_xsrf=a&password=open+sesame").status,
            403u);
}

TEST_F(LoginTest, strangers_are_sent_there) {
  start();
  const auto page = request_with("Accept: text/html\r\n", "GET", "/tree");
  EXPECT_EQ(page.status, 302u);
  EXPECT_EQ(page.header("Location"), "/login?next=%2Ftree");
  EXPECT_EQ(request_with("", "GET", "/tree").status, 403u);
  EXPECT_EQ(request_with("", "GET", "/api/kernels").status, 403u);
}

TEST_F(LoginTest, a_cookie_needs_the_value_that_only_our_pages_know) {
  start();
  const auto session = first_cookie(log_in("/login", "open+sesame"));
  const auto xsrf = first_cookie(request_with("", "GET", "/login"));
  const auto cookies = "Cookie: " + session + "; " + xsrf + "\r\n";
  EXPECT_EQ(request_with(cookies, "POST", "/api/kernels").status, 403u);
  const auto shown = "X-XSRFToken: " + xsrf.substr(xsrf.find('=') + 1) + "\r\n";
  EXPECT_EQ(request_with(cookies + shown, "POST", "/api/kernels").status, 201u);
  EXPECT_EQ(request_with(cookies + shown + "Origin: http://evil.example\r\n", "POST", "/api/kernels").status,
            404u);
}

TEST_F(LoginTest, that_value_is_not_needed_where_it_is_not_checked_but_foreign_pages_stay_out) {
  settings_.disable_check_xsrf = true;
  start();
  const auto answer = request_with("", "POST", "/login", "password=open+sesame");
  ASSERT_EQ(answer.status, 302u);
  const auto cookies = "Cookie: " + first_cookie(answer) + "\r\n";
  EXPECT_EQ(request_with(cookies, "POST", "/api/kernels").status, 201u);
  EXPECT_EQ(request_with(cookies + "Origin: http://evil.example\r\n", "POST", "/api/kernels").status, 404u);
}

TEST_F(LoginTest, asks_for_a_name_when_there_are_several_people) {
  settings_.users = {{.username = "ada", .hashed_password = *hash_password("engine")}};
  start();
  const auto page = request_with("", "GET", "/login");
  EXPECT_THAT(page.body, HasSubstr(R"(name="username")"));
  const auto cookie = first_cookie(page);
  const auto answer =
      request_with("Cookie: " + cookie + "\r\n", "POST", "/login", cookie + "&username=ada&password=engine");
  ASSERT_EQ(answer.status, 302u);
  const auto me = request_with("Cookie: " + first_cookie(answer) + "\r\n", "GET", "/api/me").json();
  EXPECT_EQ(me.at("identity").at("username"), "ada");
  EXPECT_EQ(log_in("/login", "engine").status, 401u);
}

TEST_F(LoginTest, a_password_that_is_no_hash_is_refused_at_start) {
  settings_.hashed_password = "open sesame";
  KernelSpecManager specs({});
  MultiKernelManager kernels(loop_.get_executor(), specs, {}, {});
  const auto server = Server::make(loop_.get_executor(), kernels, specs, settings_);
  ASSERT_FALSE(server);
  EXPECT_THAT(server.error().message, HasSubstr("IdentityProvider.hashed_password: "));
  EXPECT_THAT(server.error().message, Not(HasSubstr("sesame")));
}

TEST_F(UsersTest, only_those_with_all_kernels_shut_the_server_down) {
  std::atomic<int> requests = 0;
  settings_.shutdown_requested = [&requests] { ++requests; };
  start();
  for (const auto* user : {"", ada, watcher})
    EXPECT_EQ(request_with(user, "POST", "/api/shutdown").status, 403u) << user;
  EXPECT_EQ(requests, 0);
  EXPECT_EQ(request_with(server_token, "POST", "/api/shutdown").status, 200u);
  EXPECT_EQ(requests, 1);
  EXPECT_EQ(request_with(server_token, "GET", "/api/shutdown").status, 405u);
}

TEST_F(UsersTest, nobody_shuts_down_a_server_that_is_somebody_elses) {
  start();
  EXPECT_EQ(request_with(server_token, "POST", "/api/shutdown").status, 404u);
}

}  // namespace
}  // namespace nextgen_kernels
