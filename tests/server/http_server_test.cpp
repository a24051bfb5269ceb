#include "server/http_server.h"

#include <deque>

#include "../base/few_descriptors.h"
#include "../registry/log_capture.h"
#include "base/descriptor_limit.h"
#include "server_fixture.h"

namespace nextgen_kernels {
namespace {

using testing::HasSubstr;

using HttpServerTest = ServerFixture;

const std::string token = "Authorization: token secret-token\r\n";

/// The status of the answer to raw bytes, after which the server must close the connection.
unsigned status_of_malformed(std::uint16_t port, const std::string& bytes) {
  TestConnection connection(port);
  connection.send_some(bytes);
  const auto status = connection.receive().status;
  connection.socket().shutdown(ClientSocket::shutdown_send);
  EXPECT_TRUE(connection.at_end());
  return status;
}

TEST_F(HttpServerTest, answers_malformed_requests_and_closes) {
  start();
  for (const std::string bytes : {
           "garbage\r\n\r\n",
           "GET\r\n\r\n",
           "GET /\x01 HTTP/1.1\r\nHost: localhost\r\n\r\n",
           "GET / HTTP/1.1\r\nHost localhost\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n",
           "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
           "GET api HTTP/1.1\r\nHost: localhost\r\n\r\n",
           "GET /%zz HTTP/1.1\r\nHost: localhost\r\n\r\n",
       })
    EXPECT_EQ(status_of_malformed(port_, bytes), 400u) << bytes;
}

TEST_F(HttpServerTest, refuses_requests_whose_end_is_not_certain) {
  start();
  const std::string smuggled = "POST /api/kernels HTTP/1.1\r\nHost: localhost\r\n" + token + "\r\n";
  const auto status_with = [&](const std::string& version, const std::string& headers) {
    return status_of_malformed(port_, "POST /api/kernels " + version + "\r\nHost: localhost\r\n" + token +
                                          headers + "\r\n" + smuggled);
  };
  for (const std::string coding : {"xchunked", "chunkedx", "identity", "chunked, identity", "chunked;q=1",
                                   "\"chunked\"", "", ",", "chunked,", "\vchunked"})
    EXPECT_EQ(status_with("HTTP/1.1", "Transfer-Encoding: " + coding + "\r\n"), 400u) << coding;
  for (const std::string coding : {"gzip, chunked", "identity,chunked", "gzip,\tChunked", "chunked, chunked"})
    EXPECT_EQ(status_with("HTTP/1.1", "Transfer-Encoding: " + coding + "\r\n"), 501u) << coding;
  for (const std::string headers : {
           "Transfer-Encoding: xchunked\r\nTransfer-Encoding: chunked\r\n",
           "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
           "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
           "Transfer-Encoding : chunked\r\n",
           "Transfer-Encoding: xchunked\r\nContent-Length: 0\r\n",
           "Content-Length: 0\r\nTransfer-Encoding: xchunked\r\n",
           "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
           "Content-Length: 0\r\nContent-Length: 0\r\n",
           "Content-Length: 0\r\nContent-Length: 5\r\n",
           "Content-Length: 0, 0\r\n",
           "Content-Length: 0,\r\n",
           "Content-Length: +0\r\n",
           "Content-Length: -1\r\n",
           "Content-Length: 0x0\r\n",
           "Content-Length: \r\n",
           "Content-Length : 0\r\n",
       })
    EXPECT_EQ(status_with("HTTP/1.1", headers), 400u) << headers;
  EXPECT_EQ(status_with("HTTP/1.0", "Transfer-Encoding: chunked\r\n"), 400u);
  EXPECT_EQ(request("GET", "/api/kernels").json().size(), 0u);
}

TEST_F(HttpServerTest, wants_exactly_one_host) {
  start();
  TestConnection none(port_);
  none.send("GET /api HTTP/1.1\r\n\r\n");
  EXPECT_EQ(none.receive().status, 400u);
  TestConnection two(port_);
  two.send("GET /api HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\n\r\n");
  EXPECT_EQ(two.receive().status, 400u);
  TestConnection old(port_);
  old.send("GET /api?token=secret-token HTTP/1.0\r\n\r\n");
  EXPECT_EQ(old.receive().status, 200u);
  EXPECT_TRUE(old.at_end());
}

TEST_F(HttpServerTest, refuses_other_versions) {
  start();
  EXPECT_EQ(status_of_malformed(port_, "GET / HTTP/3.0\r\nHost: localhost\r\n\r\n"), 505u);
}

TEST_F(HttpServerTest, bounds_the_head) {
  settings_.limits.header_bytes = 1000;
  start();
  EXPECT_EQ(
      status_of_malformed(port_, make_request_text("X: " + std::string(2000, 'x') + "\r\n", "GET", "/api")),
      431u);
}

/// The status of the answer to a request whose body is announced, but never comes.
unsigned status_by_length(std::uint16_t port, const std::string& request_head, std::size_t length) {
  TestConnection connection(port);
  connection.send(request_head + "Content-Length: " + std::to_string(length) + "\r\n\r\n");
  return connection.receive().status;
}

std::string head_of(const std::string& request_line, const std::string& headers) {
  return request_line + " HTTP/1.1\r\nHost: localhost\r\n" + headers;
}

TEST_F(HttpServerTest, bounds_the_body) {
  start();
  for (const std::string line : {"POST /api/kernels", "POST /api/sessions", "POST /api/events", "GET /api"})
    EXPECT_EQ(status_by_length(port_, head_of(line, token), (1 << 20) + 1), 413u) << line;
  const auto refused = request("POST", "/api/kernels", std::string((1 << 20) + 1, ' '));
  EXPECT_EQ(refused.status, 413u);
  EXPECT_THAT(refused.body, HasSubstr("more than 1048576 bytes"));
  EXPECT_EQ(request("POST", "/api/kernels", "{}" + std::string((1 << 20) - 2, ' ')).status, 201u);
  TestConnection chunked(port_);
  chunked.send_some(make_request_text(token + "Transfer-Encoding: chunked\r\n", "POST", "/api/kernels") +
                    "100001\r\n" + std::string(0x100001, ' ') + "\r\n0\r\n\r\n");
  EXPECT_EQ(chunked.receive().status, 413u);
}

TEST_F(HttpServerTest, reads_little_of_what_strangers_send) {
  start();
  for (const std::string line : {"POST /login", "GET /login", "GET /logout"})
    EXPECT_EQ(status_by_length(port_, head_of(line, ""), 64 * 1024 + 1), 413u) << line;
  EXPECT_EQ(status_by_length(port_, head_of("POST /login", token), 64 * 1024 + 1), 413u);
  EXPECT_EQ(status_by_length(port_, head_of("POST /api/kernels", ""), 1 << 30), 403u);
  TestConnection chunked(port_);
  chunked.send_some(make_request_text("Transfer-Encoding: chunked\r\n", "POST", "/login") + "10001\r\n" +
                    std::string(0x10001, ' ') + "\r\n0\r\n\r\n");
  EXPECT_EQ(chunked.receive().status, 413u);
}

TEST_F(HttpServerTest, takes_much_code) {
  settings_.limits.body_bytes = std::uint64_t{4} << 20;
  start();
  const auto kernel = start_kernel();
  const auto target = "/api/nextgen/kernels/" + kernel + "/execute";
  const auto body = nlohmann::json{{"code", "#" + std::string(3 << 20, 'x')}}.dump();
  TestConnection connection(port_);
  connection.send(make_request_text(token + "Accept: application/jsonl\r\n", "POST", target, body));
  EXPECT_EQ(connection.receive_head().status, 200u);
  wait_until([this] { return script_.sent.size() == 1; });
  EXPECT_GT(on_loop([this] { return script_.sent.front().parts[3].size(); }), std::size_t{3} << 20);
  TestConnection other(port_);
  other.send(head_of("POST " + target, token + "Content-Length: 4194305\r\n\r\n"));
  const auto refused = other.receive();
  EXPECT_EQ(refused.status, 413u);
  EXPECT_THAT(refused.body, HasSubstr("ServerApp.max_body_size"));
}

TEST_F(HttpServerTest, takes_chunked_bodies) {
  start();
  TestConnection connection(port_);
  connection.send(make_request_text("Authorization: token secret-token\r\nTransfer-Encoding: chunked\r\n",
                                    "POST", "/api/kernels") +
                  "10\r\n{\"name\": \"other\"\r\n1\r\n}\r\n0\r\n\r\n");
  const auto response = connection.receive();
  EXPECT_EQ(response.status, 201u);
  EXPECT_EQ(response.json().at("name"), "other");
}

TEST_F(HttpServerTest, cuts_off_clients_that_send_their_head_too_slowly) {
  settings_.limits.header_timeout = std::chrono::milliseconds(50);
  start();
  TestConnection connection(port_);
  connection.send("GET /api HTTP/1.1\r\nHo");
  EXPECT_TRUE(connection.at_end());
}

TEST_F(HttpServerTest, cuts_off_clients_that_send_their_body_too_slowly) {
  settings_.limits.body_timeout = std::chrono::milliseconds(50);
  start();
  TestConnection connection(port_);
  connection.send(make_request_text("Authorization: token secret-token\r\nContent-Length: 5\r\n", "POST",
                                    "/api/kernels") +
                  "{");
  EXPECT_TRUE(connection.at_end());
}

TEST_F(HttpServerTest, closes_idle_connections) {
  settings_.limits.idle_timeout = std::chrono::milliseconds(50);
  start();
  TestConnection connection(port_);
  connection.send(make_request_text(token, "GET", "/api"));
  EXPECT_EQ(connection.receive().status, 200u);
  EXPECT_TRUE(connection.at_end());
}

TEST_F(HttpServerTest, cuts_off_clients_that_send_nothing_at_all) {
  settings_.limits.header_timeout = std::chrono::milliseconds(50);
  start();
  TestConnection connection(port_);
  EXPECT_TRUE(connection.at_end());
}

TEST_F(HttpServerTest, answers_pipelined_requests_in_order) {
  start();
  TestConnection connection(port_);
  connection.send(make_request_text(token, "GET", "/api") +
                  make_request_text(token, "POST", "/api/kernels", "{}") +
                  make_request_text(token, "GET", "/api/kernels"));
  EXPECT_TRUE(connection.receive().json().contains("version"));
  EXPECT_EQ(connection.receive().status, 201u);
  EXPECT_EQ(connection.receive().json().size(), 1u);
}

TEST_F(HttpServerTest, says_100_continue_when_asked_and_only_to_those_let_in) {
  start();
  TestConnection connection(port_);
  connection.send(
      make_request_text("Authorization: token secret-token\r\nExpect: 100-continue\r\nContent-Length: 2\r\n",
                        "POST", "/api/kernels"));
  EXPECT_EQ(connection.receive_head().status, 100u);
  connection.send("{}");
  EXPECT_EQ(connection.receive().status, 201u);

  TestConnection stranger(port_);
  stranger.send(make_request_text("Expect: 100-continue\r\nContent-Length: 2\r\n", "POST", "/api/kernels"));
  EXPECT_EQ(stranger.receive().status, 403u);
}

TEST_F(HttpServerTest, closes_after_the_response_when_asked) {
  start();
  TestConnection connection(port_);
  connection.send(
      make_request_text("Authorization: token secret-token\r\nConnection: close\r\n", "GET", "/api"));
  EXPECT_EQ(connection.receive().status, 200u);
  EXPECT_TRUE(connection.at_end());
}

TEST_F(HttpServerTest, makes_clients_wait_when_there_are_too_many) {
  settings_.limits.connections = 1;
  script_.launch_allowed = false;
  start();
  TestConnection first(port_);
  first.send(make_request_text(token, "POST", "/api/kernels"));
  wait_until([this] { return script_.launches == 1; });
  TestConnection second(port_);
  second.send(make_request_text(token, "GET", "/api"));
  on_loop([this] { script_.change(script_.launch_allowed, true); });
  EXPECT_EQ(first.receive().status, 201u);
  EXPECT_EQ(second.receive().status, 200u);
  EXPECT_TRUE(first.at_end());
}

TEST_F(HttpServerTest, connections_without_a_request_make_room) {
  settings_.limits.connections = 2;
  start();
  TestConnection silent(port_);
  TestConnection slow(port_);
  slow.send(head_of("POST /login", "Content-Length: 10\r\n\r\n"));
  EXPECT_EQ(request("GET", "/api").status, 200u);
  EXPECT_TRUE(silent.at_end());
  TestConnection user(port_);
  user.send(make_request_text(token, "GET", "/api"));
  EXPECT_EQ(user.receive().status, 200u);
  TestConnection other(port_);
  other.send(make_request_text(token, "GET", "/api"));
  EXPECT_EQ(other.receive().status, 200u);
  EXPECT_TRUE(slow.at_end());
  user.send(make_request_text(token, "GET", "/api"));
  EXPECT_EQ(user.receive().status, 200u);
}

/// Asks for pages without credentials, many at a time, and reads nothing of what comes.
std::unique_ptr<TestConnection> make_stranger(std::uint16_t port) {
  auto stranger = std::make_unique<TestConnection>(port);
  stranger->socket().non_blocking(true);
  std::string requests;
  for (int i = 0; i < 4000; ++i) requests += "GET /login HTTP/1.1\r\nHost: localhost\r\n\r\n";
  boost::system::error_code full;
  while (!full) stranger->socket().write_some(asio::buffer(requests), full);
  return stranger;
}

TEST_F(HttpServerTest, strangers_who_read_nothing_make_room) {
  settings_.limits.connections = 3;
  start();
  std::vector<std::unique_ptr<TestConnection>> strangers;
  for (int i = 0; i < 3; ++i) strangers.push_back(make_stranger(port_));
  TestConnection user(port_);
  user.send(make_request_text(token, "GET", "/api/kernels"));
  EXPECT_EQ(user.receive().status, 200u);
  // Those who have shown a token keep their place, also between two requests.
  for (int i = 0; i < 6; ++i) strangers.push_back(make_stranger(port_));
  user.send(make_request_text(token, "GET", "/api/kernels"));
  EXPECT_EQ(user.receive().status, 200u);
}

TEST_F(HttpServerTest, strangers_who_log_in_make_room) {
  settings_.limits.connections = 1;
  settings_.wait_after_failed_login = std::chrono::minutes(5);
  start();
  TestConnection page(port_);
  page.send(make_request_text("", "GET", "/login"));
  const auto cookie = page.receive().header("Set-Cookie");
  const auto xsrf = cookie.substr(0, cookie.find(';'));
  TestConnection guesses(port_);
  guesses.send(make_request_text("Cookie: " + xsrf + "\r\n", "POST", "/login", xsrf + "&password=wrong"));
  EXPECT_EQ(request("GET", "/api/kernels").status, 200u);
  EXPECT_TRUE(guesses.at_end());
  run(server_->stop(std::chrono::seconds(0)));
}

TEST_F(HttpServerTest, strangers_leave_file_descriptors_to_others) {
  const LogCapture log;
  start();
  {
    std::deque<std::unique_ptr<TestConnection>> strangers;
    const FewDescriptors few(kept_descriptors + 24);
    for (int i = 0; i < 20; ++i) {
      // The descriptors of their own ends are taken from the same few.
      if (strangers.size() == 5) strangers.pop_front();
      strangers.push_back(make_stranger(port_));
    }
    EXPECT_EQ(request("GET", "/api/kernels").status, 200u);
  }
  stop();
  const auto text = log.text();
  const auto first = text.find("file descriptors are open");
  EXPECT_NE(first, std::string::npos);
  EXPECT_EQ(text.find("file descriptors are open", first + 1), std::string::npos) << text;
}

TEST_F(HttpServerTest, a_client_is_let_in_although_no_file_descriptor_is_left) {
  start();
  TestConnection stranger(port_);
  stranger.send(make_request_text("", "GET", "/api/kernels"));
  EXPECT_EQ(stranger.receive().status, 403u);
  std::promise<void> stopped;
  std::promise<void> connected;
  asio::post(loop_, [&] {
    stopped.set_value();
    connected.get_future().get();
  });
  stopped.get_future().get();
  TestConnection user(port_);
  const FewDescriptors none(0);
  connected.set_value();
  user.send(make_request_text(token, "GET", "/api/kernels"));
  EXPECT_EQ(user.receive().status, 200u);
  EXPECT_TRUE(stranger.at_end());
}

TEST_F(HttpServerTest, a_kernel_does_not_take_the_last_file_descriptors) {
  start();
  const auto kernel = start_kernel();
  {
    const FewDescriptors few(kept_descriptors + 6);
    for (const std::string target : {"/api/kernels", "/api/sessions"}) {
      const auto refused = request("POST", target, R"({"path": "a.ipynb", "type": "notebook"})");
      EXPECT_EQ(refused.status, 503u) << target;
      EXPECT_THAT(refused.json().at("message").get<std::string>(), HasSubstr("ulimit -n or LimitNOFILE="));
    }
    EXPECT_EQ(request("GET", "/api/kernels/" + kernel).status, 200u);
  }
  EXPECT_EQ(request("POST", "/api/kernels").status, 201u);
}

TEST_F(HttpServerTest, code_that_runs_leaves_room_for_others) {
  settings_.limits.connections = 1;
  settings_.limits.waiting_requests = 3;
  start();
  const auto target = "/api/nextgen/kernels/" + start_kernel() + "/execute";
  std::vector<std::unique_ptr<TestConnection>> waiting;
  for (int i = 0; i < 3; ++i) {
    waiting.push_back(std::make_unique<TestConnection>(port_));
    waiting.back()->send(make_request_text(token + "Accept: application/jsonl\r\n", "POST", target,
                                           R"({"code": "1", "on_disconnect": "cancel"})"));
    EXPECT_EQ(waiting.back()->receive_head().status, 200u);
  }
  const auto running = request("GET", target).json();
  EXPECT_EQ(running.size(), 3u);
  const auto refused = request("POST", target, R"({"code": "1"})");
  EXPECT_EQ(refused.status, 503u);
  EXPECT_THAT(refused.body, HasSubstr("ServerApp.max_waiting_requests"));
  const auto last = running.back().at("execution_id").get<std::string>();
  EXPECT_EQ(request("DELETE", target + "/" + last).status, 204u);
  std::string lines;
  while (!lines.contains("0\r\n\r\n")) lines += waiting.back()->read_some();
  EXPECT_THAT(lines, HasSubstr(R"("status":"cancelled")"));
}

TEST_F(HttpServerTest, finishes_requests_under_way_when_it_stops) {
  script_.launch_allowed = false;
  start();
  TestConnection idle(port_);
  TestConnection busy(port_);
  busy.send(make_request_text("Authorization: token secret-token\r\n", "POST", "/api/kernels"));
  wait_until([this] { return script_.launches == 1; });
  auto stopped = asio::co_spawn(loop_, server_->stop(std::chrono::seconds(30)), asio::use_future);
  EXPECT_TRUE(idle.at_end());
  on_loop([this] { script_.change(script_.launch_allowed, true); });
  const auto response = busy.receive();
  EXPECT_EQ(response.status, 201u);
  EXPECT_EQ(response.header("Connection"), "close");
  stopped.get();
}

TEST_F(HttpServerTest, cuts_off_requests_that_take_too_long_when_it_stops) {
  script_.launch_allowed = false;
  start();
  TestConnection busy(port_);
  busy.send(make_request_text("Authorization: token secret-token\r\n", "POST", "/api/kernels"));
  wait_until([this] { return script_.launches == 1; });
  run(server_->stop(std::chrono::milliseconds(1)));
  EXPECT_TRUE(busy.at_end());
  on_loop([this] { script_.change(script_.launch_allowed, true); });
}

TEST_F(HttpServerTest, says_what_to_do_when_it_cannot_listen) {
  start();
  const auto taken = on_loop([this] { return server_->bind("127.0.0.1", port_); });
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, ErrorCode::already_exists);
  EXPECT_THAT(taken.error().message,
              HasSubstr("is taken by another program: choose another with --ServerApp.port=N"));
  const auto no_address = on_loop([this] { return server_->bind("example", 0); });
  ASSERT_FALSE(no_address);
  EXPECT_THAT(no_address.error().message, HasSubstr("'example' is not an IP address"));
  const auto foreign = on_loop([this] { return server_->bind("192.0.2.1", 0); });
  ASSERT_FALSE(foreign);
  EXPECT_THAT(foreign.error().message, HasSubstr("is not an address of this machine"));
}

}  // namespace
}  // namespace nextgen_kernels
