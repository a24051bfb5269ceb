#include "runtime/zmq_socket.h"

#include <array>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>
#include <zmq.h>

namespace nextgen_kernels {
namespace {

/// The kernel's end: a plain libzmq socket that is bound to a port of the system's choice.
class Peer {
 public:
  explicit Peer(int type) : context_(::zmq_ctx_new()), socket_(::zmq_socket(context_, type)) {
    ::zmq_bind(socket_, "tcp://127.0.0.1:*");
    std::array<char, 128> text{};
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

  void send(const std::vector<std::string>& frames) {
    for (std::size_t i = 0; i < frames.size(); ++i)
      ::zmq_send(socket_, frames[i].data(), frames[i].size(), i + 1 < frames.size() ? ZMQ_SNDMORE : 0);
  }

  std::vector<std::string> receive() {
    std::vector<std::string> frames;
    int more = 1;
    while (more != 0) {
      zmq_msg_t message;
      ::zmq_msg_init(&message);
      ::zmq_msg_recv(&message, socket_, 0);
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

std::vector<std::string> copy(std::span<const std::string_view> frames) {
  return {frames.begin(), frames.end()};
}

TEST(ZmqSocket, sends_and_receives_whole_multipart_messages) {
  asio::io_context loop;
  ZmqContext context;
  Peer peer(ZMQ_ROUTER);
  ZmqSocket socket(context, loop.get_executor(), ZmqSocketType::dealer, "me");
  ASSERT_TRUE(socket.connect(peer.endpoint()));
  const std::array<std::string_view, 3> request = {"a", "", "ccc"};
  ASSERT_TRUE(socket.send(request));
  EXPECT_EQ(peer.receive(), (std::vector<std::string>{"me", "a", "", "ccc"}));

  std::vector<std::string> received;
  socket.start([&] {
    while (socket.receive()) received = copy(socket.frames());
  });
  peer.send({"me", "x", "yy"});
  while (received.empty()) loop.run_one();
  EXPECT_EQ(received, (std::vector<std::string>{"x", "yy"}));
}

TEST(ZmqSocket, nothing_is_left_behind_when_the_reader_stops_early) {
  asio::io_context loop;
  ZmqContext context;
  Peer peer(ZMQ_ROUTER);
  ZmqSocket socket(context, loop.get_executor(), ZmqSocketType::dealer, "me");
  ASSERT_TRUE(socket.connect(peer.endpoint()));
  const std::array<std::string_view, 1> hello = {"hello"};
  ASSERT_TRUE(socket.send(hello));
  peer.receive();

  constexpr int count = 1000;
  for (int i = 0; i < count; ++i) peer.send({"me", std::to_string(i)});
  int next = 0;
  socket.start([&] {
    if (!socket.receive()) return;
    EXPECT_EQ(socket.frames().front(), std::to_string(next));
    ++next;
    socket.poll_again();
  });
  while (next < count) loop.run_one();
}

TEST(ZmqSocket, monitor_tells_when_the_connection_stands_and_when_it_breaks) {
  asio::io_context loop;
  ZmqContext context;
  auto peer = std::make_unique<Peer>(ZMQ_XPUB);
  ZmqSocket socket(context, loop.get_executor(), ZmqSocketType::sub, {});
  int connected = 0;
  int disconnected = 0;
  socket.monitor([&](ZmqConnectionEvent event) {
    connected += event == ZmqConnectionEvent::connected ? 1 : 0;
    disconnected += event == ZmqConnectionEvent::disconnected ? 1 : 0;
  });
  ASSERT_TRUE(socket.connect(peer->endpoint()));
  while (connected == 0) loop.run_one();
  peer.reset();
  while (disconnected == 0) loop.run_one();
}

TEST(ZmqSocket, malformed_endpoint_is_an_error) {
  asio::io_context loop;
  ZmqContext context;
  ZmqSocket socket(context, loop.get_executor(), ZmqSocketType::dealer, {});
  const auto connected = socket.connect("tcp://nowhere");
  ASSERT_FALSE(connected);
  EXPECT_TRUE(connected.error().message.contains("tcp://nowhere")) << connected.error().message;
}

}  // namespace
}  // namespace nextgen_kernels
