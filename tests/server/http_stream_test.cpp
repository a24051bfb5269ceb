#include <functional>
#include <future>
#include <thread>
#include <tuple>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/http_server.h"
#include "test_clients.h"

namespace nextgen_kernels {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

/// Answers every request with one stream.
class StreamService final : public HttpService {
 public:
  std::optional<HttpResponse> screen(HttpRequest&) override { return std::nullopt; }
  Task<HttpResponse> respond(HttpRequest request) override {
    HttpResponse response;
    response.headers.set(http::field::content_type, "text/plain");
    if (request.path == "/plain")
      response.body = "plain";
    else
      response.stream = [this](std::shared_ptr<HttpBodyWriter> writer) { return stream(std::move(writer)); };
    co_return response;
  }

  std::function<Task<void>(std::shared_ptr<HttpBodyWriter>)> stream;
};

class HttpStreamTest : public testing::Test {
 protected:
  ~HttpStreamTest() override {
    asio::co_spawn(loop_, server_->stop(std::chrono::milliseconds(0)), asio::use_future).get();
    work_.reset();
    thread_.join();
  }

  void start(std::function<Task<void>(std::shared_ptr<HttpBodyWriter>)> stream) {
    service_.stream = std::move(stream);
    server_ = std::make_unique<HttpServer>(loop_.get_executor(), service_, limits_);
    port_ = server_->bind("127.0.0.1", 0).value();
    server_->run();
    thread_ = std::thread([this] { loop_.run(); });
  }

  static std::string request(const std::string& method = "GET", const std::string& target = "/",
                             const std::string& version = "1.1") {
    return method + " " + target + " HTTP/" + version + "\r\nHost: localhost\r\n\r\n";
  }

  HttpLimits limits_;
  asio::io_context loop_;
  asio::executor_work_guard<asio::io_context::executor_type> work_ = asio::make_work_guard(loop_);
  StreamService service_;
  std::unique_ptr<HttpServer> server_;
  std::thread thread_;
  std::uint16_t port_ = 0;
};

Task<void> write_pieces(std::shared_ptr<HttpBodyWriter> writer) {
  for (const std::string piece : {"one ", "", "two ", "three"}) {
    const auto written = co_await writer->write(piece);
    EXPECT_TRUE(written);
  }
}

TEST_F(HttpStreamTest, pieces_arrive_in_chunks_and_the_connection_is_kept) {
  start(write_pieces);
  TestConnection connection(port_);
  connection.send(request());
  const auto response = connection.receive();
  EXPECT_EQ(response.status, 200u);
  EXPECT_EQ(response.header("Transfer-Encoding"), "chunked");
  EXPECT_EQ(response.header("Content-Length"), "");
  EXPECT_EQ(response.body, "one two three");
  connection.send(request("GET", "/plain"));
  EXPECT_EQ(connection.receive().body, "plain");
}

TEST_F(HttpStreamTest, http_1_0_gets_the_pieces_up_to_the_end_of_the_connection) {
  start(write_pieces);
  TestConnection connection(port_);
  connection.send(request("GET", "/", "1.0"));
  const auto text = connection.read_to_end();
  EXPECT_THAT(text, testing::Not(HasSubstr("Transfer-Encoding")));
  EXPECT_THAT(text, EndsWith("\r\n\r\none two three"));
}

TEST_F(HttpStreamTest, head_has_no_body) {
  start([](std::shared_ptr<HttpBodyWriter>) -> Task<void> {
    ADD_FAILURE() << "a body for HEAD";
    co_return;
  });
  TestConnection connection(port_);
  connection.send(request("HEAD"));
  EXPECT_EQ(connection.receive("HEAD").status, 200u);
  connection.send(request("GET", "/plain"));
  EXPECT_EQ(connection.receive().body, "plain");
}

TEST_F(HttpStreamTest, a_body_that_throws_is_not_ended_as_if_it_were_whole) {
  start([](std::shared_ptr<HttpBodyWriter> writer) -> Task<void> {
    std::ignore = co_await writer->write("part");
    throw std::runtime_error("broken");
  });
  TestConnection connection(port_);
  connection.send(request());
  const auto text = connection.read_to_end();
  EXPECT_THAT(text, EndsWith("\r\n\r\n4\r\npart\r\n"));
}

std::promise<void>* gone_promise = nullptr;

TEST_F(HttpStreamTest, the_handler_is_told_when_the_client_leaves) {
  std::promise<void> gone;
  gone_promise = &gone;
  start([](std::shared_ptr<HttpBodyWriter> writer) -> Task<void> {
    Event left(co_await asio::this_coro::executor);
    writer->on_client_gone = [&left] { left.notify_all(); };
    std::ignore = co_await writer->write("one");
    while (!writer->client_is_gone()) co_await left.wait();
    writer->on_client_gone = nullptr;
    gone_promise->set_value();
  });
  TestConnection connection(port_);
  connection.send(request());
  connection.receive_head();
  connection.close();
  EXPECT_EQ(gone.get_future().wait_for(std::chrono::seconds(30)), std::future_status::ready);
}

std::atomic<std::size_t> bytes_taken = 0;
constexpr std::size_t whole_body = 64 * 1024 * 1024;

Task<void> write_much(std::shared_ptr<HttpBodyWriter> writer) {
  while (bytes_taken < whole_body) {
    const auto written = co_await writer->write(std::string(64 * 1024, 'x'));
    if (!written) co_return;
    bytes_taken += 64 * 1024;
  }
}

TEST_F(HttpStreamTest, a_client_that_does_not_read_stops_the_writer_and_nobody_else) {
  bytes_taken = 0;
  start(write_much);
  TestConnection slow(port_);
  slow.send(request());
  slow.receive_head();
  // Others are answered meanwhile; once the writer has come to a stop, what it wrote is in the socket's
  // buffers.
  std::size_t before = 0;
  do {
    before = bytes_taken;
    for (int i = 0; i < 100; ++i) {
      TestConnection other(port_);
      other.send(request("GET", "/plain"));
      ASSERT_EQ(other.receive().body, "plain");
    }
  } while (bytes_taken != before);
  EXPECT_LT(bytes_taken, whole_body / 2);
}

TEST_F(HttpStreamTest, a_client_that_takes_nothing_for_too_long_is_cut_off) {
  limits_.stream_timeout = std::chrono::milliseconds(50);
  std::promise<void> gone;
  gone_promise = &gone;
  start([](std::shared_ptr<HttpBodyWriter> writer) -> Task<void> {
    while (co_await writer->write(std::string(1024 * 1024, 'x'))) continue;
    gone_promise->set_value();
  });
  TestConnection connection(port_);
  connection.send(request());
  EXPECT_EQ(gone.get_future().wait_for(std::chrono::seconds(30)), std::future_status::ready);
}

TEST_F(HttpStreamTest, what_the_client_sends_meanwhile_is_its_next_request) {
  start(write_pieces);
  TestConnection connection(port_);
  connection.send(request() + request("GET", "/plain"));
  EXPECT_EQ(connection.receive().body, "one two three");
  EXPECT_EQ(connection.receive().body, "plain");
}

TEST_F(HttpStreamTest, stopping_ends_streams) {
  std::promise<void> begun;
  gone_promise = &begun;
  start([](std::shared_ptr<HttpBodyWriter>) -> Task<void> {
    Event never(co_await asio::this_coro::executor);
    gone_promise->set_value();
    while (true) co_await never.wait();
  });
  TestConnection connection(port_);
  connection.send(request());
  connection.receive_head();
  begun.get_future().wait();
  asio::co_spawn(loop_, server_->stop(std::chrono::milliseconds(0)), asio::use_future).get();
  EXPECT_THAT(connection.read_to_end(), testing::Not(HasSubstr("0\r\n\r\n")));
}

}  // namespace
}  // namespace nextgen_kernels
