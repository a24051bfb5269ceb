// How fast libzmq itself carries Jupyter messages from one process to another: PUB signs, SUB verifies.

#include <array>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <span>
#include <stdexcept>
#include <string>

#include <CLI/CLI.hpp>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include "base/random.h"
#include "latencies.h"
#include "synthetic_kernel/message.h"
#include "synthetic_kernel/stream_messages.h"
#include "synthetic_kernel/zmq_socket.h"

namespace nk = nextgen_kernels;

namespace nextgen_kernels::benchmarks {
namespace {

using synthetic::MessageSigner;
using synthetic::ZmqContext;
using synthetic::ZmqSocket;

constexpr int receive_timeout_ms = 30'000;
constexpr int wait_for_ever = -1;

/// Topic, delimiter, signature and the four signed parts.
class ReceivedMessage {
 public:
  ReceivedMessage() {
    for (auto& frame : frames_) zmq_msg_init(&frame);
  }
  ~ReceivedMessage() {
    for (auto& frame : frames_) zmq_msg_close(&frame);
  }
  ReceivedMessage(const ReceivedMessage&) = delete;
  ReceivedMessage& operator=(const ReceivedMessage&) = delete;

  void receive(ZmqSocket& socket) {
    for (std::size_t i = 0; i < frames_.size(); ++i) {
      if (zmq_msg_recv(&frames_[i], socket.handle(), 0) < 0)
        throw std::runtime_error(zmq_strerror(zmq_errno()));
      if ((zmq_msg_more(&frames_[i]) != 0) != (i + 1 < frames_.size()))
        throw std::runtime_error("a message has not seven frames");
    }
  }

  std::string_view frame(std::size_t index) {
    return {static_cast<const char*>(zmq_msg_data(&frames_[index])), zmq_msg_size(&frames_[index])};
  }

 private:
  std::array<zmq_msg_t, 7> frames_;
};

/// Waits for its one subscriber, then sends everything at once.
void publish_all(int endpoint_pipe, std::string_view key, std::uint64_t count, std::size_t size) {
  ZmqContext context;
  ZmqSocket publisher(context, ZMQ_XPUB);
  publisher.set(ZMQ_LINGER, wait_for_ever);
  publisher.bind("tcp://127.0.0.1:*");
  const auto endpoint = publisher.bound_endpoint();
  if (write(endpoint_pipe, endpoint.data(), endpoint.size()) < 0) throw std::runtime_error("write failed");
  close(endpoint_pipe);
  publisher.receive();
  MessageSigner signer(key);
  synthetic::StreamMessages messages(random_uuid(),
                                     synthetic::make_header("id", "execute_request", "session"), size);
  for (std::uint64_t i = 0; i < count; ++i)
    synthetic::publish(publisher, "stream.stdout", messages.next(), signer);
}

/// Messages per second between the first and the last.
double receive_all(const std::string& endpoint, std::string_view key, std::uint64_t count) {
  ZmqContext context;
  ZmqSocket subscriber(context, ZMQ_SUB);
  subscriber.set(ZMQ_RCVTIMEO, receive_timeout_ms);
  subscriber.set(ZMQ_SUBSCRIBE, std::string_view{});
  subscriber.set(ZMQ_LINGER, 0);
  subscriber.connect(endpoint);
  MessageSigner signer(key);
  ReceivedMessage message;
  Clock::time_point start;
  for (std::uint64_t i = 0; i < count; ++i) {
    message.receive(subscriber);
    if (i == 0) start = Clock::now();
    const std::array parts{message.frame(3), message.frame(4), message.frame(5), message.frame(6)};
    if (!signer.verify(message.frame(2), parts)) throw std::runtime_error("a message has a wrong signature");
    if (synthetic::sequence_number(parts[3]) != i) throw std::runtime_error("a message is missing");
  }
  return static_cast<double>(count) / seconds(Clock::now() - start);
}

int run(std::uint64_t count, std::size_t size) {
  const auto key = random_hex(32);
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) throw std::runtime_error("pipe failed");
  const auto publisher = fork();
  if (publisher < 0) throw std::runtime_error("fork failed");
  if (publisher == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close(ends[0]);
    publish_all(ends[1], key, count, size);
    std::exit(0);
  }
  close(ends[1]);
  std::array<char, 256> endpoint{};
  if (read(ends[0], endpoint.data(), endpoint.size() - 1) <= 0)
    throw std::runtime_error("the publisher did not start");
  const auto rate = receive_all(endpoint.data(), key, count);
  waitpid(publisher, nullptr, 0);
  fmt::print("{{\"messages\": {}, \"messages_per_second\": {:.0f}}}\n", count, rate);
  return 0;
}

}  // namespace
}  // namespace nextgen_kernels::benchmarks

int main(int argc, char** argv) {
  CLI::App app{"Measures libzmq PUB to SUB between two processes, signed and verified."};
  std::uint64_t count = 0;
  std::size_t size = 0;
  app.add_option("--messages", count)->required()->check(CLI::PositiveNumber);
  app.add_option("--size", size, "Bytes of text in each")->required()->check(CLI::Range(10, 1 << 28));
  CLI11_PARSE(app, argc, argv);
  try {
    return nk::benchmarks::run(count, size);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "pub_sub: %s\n", error.what());
    return 1;
  }
}
