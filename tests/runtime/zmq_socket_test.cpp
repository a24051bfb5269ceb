#include "runtime/zmq_socket.h"

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zmq.h>

#include "../support/temporary_directory.h"

namespace nextgen_kernels {
namespace {

using testing::HasSubstr;
using Frames = std::vector<std::string>;

/// The kernel's end: a plain libzmq socket.
class Peer {
 public:
  explicit Peer(int type, const std::string& endpoint = "tcp://127.0.0.1:*")
      : context_(::zmq_ctx_new()), socket_(::zmq_socket(context_, type)) {
    EXPECT_EQ(::zmq_bind(socket_, endpoint.c_str()), 0) << ::zmq_strerror(errno);
    std::array<char, 256> text{};
    std::size_t size = text.size();
    ::zmq_getsockopt(socket_, ZMQ_LAST_ENDPOINT, text.data(), &size);
    endpoint_ = text.data();
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  ~Peer() {
    const int zero = 0;
    ::zmq_setsockopt(socket_, ZMQ_LINGER, &zero, sizeof zero);
    ::zmq_close(socket_);
    ::zmq_ctx_term(context_);
  }

  void send(const Frames& frames) {
    for (std::size_t i = 0; i < frames.size(); ++i)
      ::zmq_send(socket_, frames[i].data(), frames[i].size(), i + 1 < frames.size() ? ZMQ_SNDMORE : 0);
  }

  /// Lets the loop run until a message has come.
  Frames receive(asio::io_context& loop) {
    Frames frames;
    int more = 1;
    while (more != 0) {
      zmq_msg_t message;
      ::zmq_msg_init(&message);
      while (::zmq_msg_recv(&message, socket_, ZMQ_DONTWAIT) < 0) loop.poll();
      frames.emplace_back(static_cast<const char*>(::zmq_msg_data(&message)), ::zmq_msg_size(&message));
      more = ::zmq_msg_more(&message);
      ::zmq_msg_close(&message);
    }
    return frames;
  }

  const std::string& endpoint() const { return endpoint_; }

 private:
  void* context_;
  void* socket_;
  std::string endpoint_;
};

/// What a ROUTER says before messages follow.
std::string router_hello() {
  return ZmtpDecoder::greeting() + std::string("\x04\x1C\x05READY\x0BSocket-Type\0\0\0\x06ROUTER", 30);
}

class ZmqSocketTest : public testing::Test {
 protected:
  Result<void> try_to_send(const Frames& frames) {
    return socket_->send(std::vector<std::string_view>(frames.begin(), frames.end()));
  }

  void send(const Frames& frames) {
    const auto sent = try_to_send(frames);
    EXPECT_TRUE(sent) << sent.error().message;
  }

  /// Connects to a peer that has only greeted so far.
  asio::ip::tcp::socket connect_to_raw_peer() {
    asio::ip::tcp::acceptor acceptor(loop_, {asio::ip::make_address("127.0.0.1"), 0});
    acceptor.set_option(asio::socket_base::receive_buffer_size(4096));
    connect("tcp://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port()));
    auto peer = acceptor.accept();
    asio::write(peer, asio::buffer(router_hello()));
    run_until([this] { return connected_ == 1; });
    peer.non_blocking(true);
    return peer;
  }

  void connect(const std::string& endpoint, ZmqSocketType type = ZmqSocketType::dealer) {
    socket_.emplace(loop_.get_executor(), type, type == ZmqSocketType::dealer ? "me" : "");
    socket_->on_connection([this](ZmqConnectionEvent event) {
      (event == ZmqConnectionEvent::connected ? connected_ : disconnected_) += 1;
    });
    const auto begun = socket_->connect(endpoint);
    ASSERT_TRUE(begun) << begun.error().message;
    socket_->start([this] {
      while (socket_->receive()) received_.emplace_back(socket_->frames().begin(), socket_->frames().end());
    });
  }

  void run_until(const std::function<bool()>& done) {
    while (!done()) loop_.run_one();
  }

  asio::io_context loop_;
  std::optional<ZmqSocket> socket_;
  std::vector<Frames> received_;
  int connected_ = 0;
  int disconnected_ = 0;
};

TEST_F(ZmqSocketTest, sends_and_receives_whole_multipart_messages) {
  Peer peer(ZMQ_ROUTER);
  connect(peer.endpoint());
  send({"a", "", "ccc"});
  EXPECT_EQ(peer.receive(loop_), (Frames{"me", "a", "", "ccc"}));
  peer.send({"me", "x", "yy"});
  run_until([this] { return !received_.empty(); });
  EXPECT_EQ(received_.front(), (Frames{"x", "yy"}));
}

TEST_F(ZmqSocketTest, receives_what_is_published_over_ipc) {
  const TemporaryDirectory directory;
  Peer peer(ZMQ_XPUB, "ipc://" + (directory.path() / "socket").string());
  connect(peer.endpoint(), ZmqSocketType::sub);
  EXPECT_EQ(peer.receive(loop_), (Frames{"\x01"}));  // Our subscription.
  peer.send({"topic", "one"});
  run_until([this] { return !received_.empty(); });
  EXPECT_EQ(received_.front(), (Frames{"topic", "one"}));
}

TEST_F(ZmqSocketTest, finds_a_peer_by_name) {
  Peer peer(ZMQ_ROUTER);
  const auto port = peer.endpoint().substr(peer.endpoint().rfind(':'));
  connect("tcp://localhost" + port);
  run_until([this] { return connected_ == 1; });
}

TEST_F(ZmqSocketTest, talks_to_a_reply_socket_as_heartbeats_do) {
  Peer peer(ZMQ_REP);
  connect(peer.endpoint());
  send({"", "ping"});
  EXPECT_EQ(peer.receive(loop_), (Frames{"ping"}));
  peer.send({"ping"});
  run_until([this] { return !received_.empty(); });
  EXPECT_EQ(received_.front(), (Frames{"", "ping"}));
}

TEST_F(ZmqSocketTest, messages_larger_than_any_buffer_pass_both_ways) {
  Peer peer(ZMQ_ROUTER);
  connect(peer.endpoint());
  const std::string large(20'000'000, 'x');
  send({large, "end"});
  send({"next"});
  EXPECT_EQ(peer.receive(loop_), (Frames{"me", large, "end"}));
  EXPECT_EQ(peer.receive(loop_), (Frames{"me", "next"}));
  peer.send({"me", large, "", large});
  peer.send({"me", "next"});
  run_until([this] { return received_.size() == 2; });
  EXPECT_EQ(received_[0], (Frames{large, "", large}));
  EXPECT_EQ(received_[1], (Frames{"next"}));
}

TEST_F(ZmqSocketTest, nothing_is_left_behind_when_the_reader_stops_early) {
  Peer peer(ZMQ_ROUTER);
  ZmqSocket socket(loop_.get_executor(), ZmqSocketType::dealer, "me");
  ASSERT_TRUE(socket.connect(peer.endpoint()));
  constexpr int count = 1000;
  int next = 0;
  socket.start([&] {
    if (!socket.receive()) return;
    EXPECT_EQ(socket.frames().front(), std::to_string(next));
    ++next;
    socket.poll_again();
  });
  ASSERT_TRUE(socket.send(std::array<std::string_view, 1>{"hello"}));
  peer.receive(loop_);
  for (int i = 0; i < count; ++i) peer.send({"me", std::to_string(i)});
  run_until([&] { return next == count; });
}

TEST_F(ZmqSocketTest, tells_when_the_connection_stands_and_when_it_breaks) {
  std::optional<Peer> peer(std::in_place, ZMQ_XPUB);
  connect(peer->endpoint(), ZmqSocketType::sub);
  EXPECT_FALSE(socket_->connected());
  run_until([this] { return connected_ == 1; });
  EXPECT_TRUE(socket_->connected());
  EXPECT_EQ(socket_->last_failure(), "");
  peer.reset();
  run_until([this] { return disconnected_ == 1; });
  EXPECT_FALSE(socket_->connected());
}

TEST_F(ZmqSocketTest, waits_for_a_peer_that_comes_later_and_says_why_it_waits) {
  const TemporaryDirectory directory;
  const auto endpoint = "ipc://" + (directory.path() / "socket").string();
  connect(endpoint);
  send({"early"});
  run_until([this] { return !socket_->last_failure().empty(); });
  EXPECT_THAT(socket_->last_failure(), HasSubstr("No such file"));
  Peer peer(ZMQ_ROUTER, endpoint);
  EXPECT_EQ(peer.receive(loop_), (Frames{"me", "early"}));
  EXPECT_EQ(socket_->last_failure(), "");
}

TEST_F(ZmqSocketTest, connects_again_and_sends_what_was_said_meanwhile) {
  std::optional<Peer> peer(std::in_place, ZMQ_ROUTER);
  const auto endpoint = peer->endpoint();
  connect(endpoint);
  run_until([this] { return connected_ == 1; });
  peer.reset();
  run_until([this] { return disconnected_ == 1; });
  send({"one"});
  send({"two"});
  peer.emplace(ZMQ_ROUTER, endpoint);
  EXPECT_EQ(peer->receive(loop_), (Frames{"me", "one"}));
  EXPECT_EQ(peer->receive(loop_), (Frames{"me", "two"}));
  EXPECT_EQ(connected_, 2);
}

TEST_F(ZmqSocketTest, a_message_cut_by_the_end_of_a_connection_is_sent_again_whole) {
  asio::ip::tcp::acceptor acceptor(loop_, {asio::ip::make_address("127.0.0.1"), 0});
  acceptor.set_option(asio::socket_base::receive_buffer_size(4096));
  connect("tcp://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port()));
  const std::string large(30'000'000, 'x');
  send({large});
  {
    // A peer that greets, then takes a part of the message only.
    auto peer = acceptor.accept();
    asio::write(peer, asio::buffer(router_hello()));
    run_until([this] { return connected_ == 1; });
    std::string some(100'000, '\0');
    while (peer.available() < 1000) loop_.poll();
    peer.read_some(asio::buffer(some));
  }
  const auto port = acceptor.local_endpoint().port();
  acceptor.close();
  run_until([this] { return disconnected_ == 1; });
  Peer peer(ZMQ_ROUTER, "tcp://127.0.0.1:" + std::to_string(port));
  EXPECT_EQ(peer.receive(loop_), (Frames{"me", large}));
}

TEST_F(ZmqSocketTest, answers_the_ping_of_a_peer) {
  asio::ip::tcp::acceptor acceptor(loop_, {asio::ip::make_address("127.0.0.1"), 0});
  connect("tcp://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port()));
  auto peer = acceptor.accept();
  asio::write(peer, asio::buffer(router_hello() + std::string("\x04\x0E\x04PING\x00\x0A"
                                                              "context",
                                                              16)));
  peer.non_blocking(true);
  std::string said;
  while (!said.ends_with("\x04\x0C\x04PONGcontext")) {
    loop_.poll();
    std::array<char, 1024> bytes{};
    boost::system::error_code nothing_yet;
    said.append(bytes.data(), peer.read_some(asio::buffer(bytes), nothing_yet));
  }
}

TEST_F(ZmqSocketTest, a_message_that_does_not_end_is_read_in_many_turns) {
  auto peer = connect_to_raw_peer();
  int turns = 0;
  socket_->start([&] {
    ++turns;
    while (socket_->receive(1000)) received_.emplace_back(1, std::to_string(socket_->frames().size()));
  });
  std::string frames;
  for (int i = 0; i < 10'000; ++i) frames += "\x01\x01x";
  peer.non_blocking(false);
  asio::write(peer, asio::buffer(frames + std::string("\0\0", 2)));
  run_until([this] { return !received_.empty(); });
  EXPECT_EQ(received_.front(), Frames{"10001"});
  EXPECT_GE(turns, 30);
}

TEST_F(ZmqSocketTest, a_row_of_commands_is_read_in_many_turns) {
  auto peer = connect_to_raw_peer();
  int turns = 0;
  socket_->start([&] {
    ++turns;
    while (socket_->receive()) received_.emplace_back(socket_->frames().begin(), socket_->frames().end());
  });
  std::string commands;
  for (int i = 0; i < 10'000; ++i) commands += "\x04\x02\x01X";
  peer.non_blocking(false);
  asio::write(peer, asio::buffer(commands + std::string("\0\1a", 3)));
  run_until([this] { return !received_.empty(); });
  EXPECT_EQ(received_.front(), Frames{"a"});
  EXPECT_GE(turns, 30);
}

TEST_F(ZmqSocketTest, ends_the_connection_of_a_peer_that_pings_and_reads_no_answer) {
  auto peer = connect_to_raw_peer();
  const auto ping = std::string("\x06\0\0\0\0\0\0\x0F\xA7\x04PING\0\x0A", 16) + std::string(4000, 'x');
  while (disconnected_ == 0) {
    boost::system::error_code full;
    asio::write(peer, asio::buffer(ping), full);
    loop_.poll();
  }
  EXPECT_THAT(socket_->last_failure(), HasSubstr("does not read the answers"));
}

TEST_F(ZmqSocketTest, an_oversized_message_is_skipped_and_told) {
  Peer peer(ZMQ_ROUTER);
  socket_.emplace(loop_.get_executor(), ZmqSocketType::dealer, "me", ZmtpLimits{.kept_bytes = 10'000});
  ASSERT_TRUE(socket_->connect(peer.endpoint()));
  std::vector<std::uint64_t> oversized;
  socket_->start([&] {
    while (socket_->receive()) {
      if (socket_->is_oversized()) oversized.push_back(socket_->message_size());
      received_.emplace_back(socket_->frames().begin(), socket_->frames().end());
    }
  });
  send({"hello"});
  peer.receive(loop_);
  peer.send({"me", "first", std::string(5'000'000, 'x'), "last"});
  peer.send({"me", "next"});
  run_until([this] { return received_.size() == 2; });
  EXPECT_EQ(received_, (std::vector<Frames>{{"first"}, {"next"}}));
  EXPECT_EQ(oversized, std::vector<std::uint64_t>{5'000'009});
}

TEST_F(ZmqSocketTest, refuses_messages_while_too_many_bytes_wait_for_the_peer) {
  const TemporaryDirectory directory;
  const auto endpoint = "ipc://" + (directory.path() / "socket").string();
  connect(endpoint);
  const std::string large(ZmqSocket::most_unsent_bytes + 1, 'x');
  send({large});
  const auto refused = try_to_send({"small"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::resource_limit);
  EXPECT_THAT(refused.error().message, HasSubstr("64 MiB"));
  Peer peer(ZMQ_ROUTER, endpoint);
  EXPECT_EQ(peer.receive(loop_), (Frames{"me", large}));
  run_until([this] { return try_to_send({"small"}).has_value(); });
  EXPECT_EQ(peer.receive(loop_), (Frames{"me", "small"}));
}

TEST_F(ZmqSocketTest, says_when_the_peer_speaks_another_protocol) {
  asio::ip::tcp::acceptor acceptor(loop_, {asio::ip::make_address("127.0.0.1"), 0});
  acceptor.async_accept([](const boost::system::error_code& error, asio::ip::tcp::socket peer) {
    ASSERT_FALSE(error);
    asio::write(peer, asio::buffer(std::string_view("HTTP/1.1 400 Bad Request\r\n\r\n")));
  });
  connect("tcp://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port()));
  run_until([this] { return !socket_->last_failure().empty(); });
  EXPECT_THAT(socket_->last_failure(), HasSubstr("HTTP/1.1 400"));
  EXPECT_EQ(connected_, 0);
}

TEST_F(ZmqSocketTest, says_when_the_port_is_another_channels) {
  Peer peer(ZMQ_PUB);
  connect(peer.endpoint());
  run_until([this] { return !socket_->last_failure().empty(); });
  EXPECT_THAT(socket_->last_failure(), HasSubstr("PUB socket"));
}

TEST_F(ZmqSocketTest, may_end_while_it_tells_of_something) {
  Peer peer(ZMQ_ROUTER);
  connect(peer.endpoint());
  socket_->on_connection([this](ZmqConnectionEvent) { socket_.reset(); });
  run_until([this] { return !socket_.has_value(); });

  Peer other(ZMQ_ROUTER);  // The first may still hold our name.
  connect(other.endpoint());
  socket_->start([this] {
    if (socket_->receive()) socket_.reset();
  });
  send({"hello"});
  other.receive(loop_);
  other.send({"me", "bye"});
  run_until([this] { return !socket_.has_value(); });
}

TEST_F(ZmqSocketTest, malformed_endpoint_is_an_error) {
  ZmqSocket socket(loop_.get_executor(), ZmqSocketType::dealer, {});
  const auto connected = socket.connect("tcp://nowhere");
  ASSERT_FALSE(connected);
  EXPECT_THAT(connected.error().message, HasSubstr("tcp://nowhere"));
}

}  // namespace
}  // namespace nextgen_kernels
