// The time of an execute round trip without a server: DEALER and SUB, straight to the kernel.

#include <array>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <zmq.h>

#include "latencies.h"
#include "synthetic_kernel/connection_file.h"
#include "synthetic_kernel/message.h"
#include "synthetic_kernel/zmq_socket.h"

namespace nk = nextgen_kernels;
namespace synthetic = nextgen_kernels::synthetic;

namespace nextgen_kernels::benchmarks {
namespace {

constexpr int receive_timeout_ms = 30'000;
constexpr std::size_t warm_up_requests = 50;

/// Does what a client of a server waits for as well: the reply, and the idle status that ends the request.
class DirectClient {
 public:
  explicit DirectClient(const synthetic::ConnectionFile& connection)
      : signer_(connection.key), shell_(context_, ZMQ_DEALER), iopub_(context_, ZMQ_SUB) {
    for (auto* socket : {&shell_, &iopub_}) {
      socket->set(ZMQ_RCVTIMEO, receive_timeout_ms);
      socket->set(ZMQ_LINGER, 0);
    }
    iopub_.set(ZMQ_SUBSCRIBE, std::string_view{});
    shell_.connect(connection.endpoint(connection.shell_port));
    iopub_.connect(connection.endpoint(connection.iopub_port));
    while (receive(iopub_).message_type != "iopub_welcome") {
    }
  }

  /// From sending the request to its reply.
  Clock::duration round_trip() {
    const auto id = fmt::format("direct-{}", next_request_++);
    const synthetic::MessageParts parts{.header = synthetic::make_header(id, "execute_request", "direct"),
                                        .content = R"({"code": "echo"})"};
    const auto start = Clock::now();
    shell_.send(synthetic::encode_message({}, parts, signer_));
    bool replied = false;
    bool idle = false;
    Clock::duration latency{};
    while (!replied || !idle) {
      std::array<zmq_pollitem_t, 2> items{
          {{shell_.handle(), 0, ZMQ_POLLIN, 0}, {iopub_.handle(), 0, ZMQ_POLLIN, 0}}};
      if (zmq_poll(items.data(), 2, receive_timeout_ms) <= 0) throw std::runtime_error("no answer in time");
      if (!replied && (items[0].revents & ZMQ_POLLIN) != 0) {
        replied = receive(shell_).message_type == "execute_reply";
        latency = Clock::now() - start;
      }
      if ((items[1].revents & ZMQ_POLLIN) != 0)
        idle = receive(iopub_).parts.content == R"({"execution_state": "idle"})";
    }
    return latency;
  }

 private:
  synthetic::ReceivedMessage receive(synthetic::ZmqSocket& socket) {
    auto message = synthetic::parse_message(socket.receive(), signer_);
    if (!message) throw std::runtime_error(message.error().message);
    return std::move(*message);
  }

  synthetic::MessageSigner signer_;
  synthetic::ZmqContext context_;
  synthetic::ZmqSocket shell_;
  synthetic::ZmqSocket iopub_;
  std::size_t next_request_ = 0;
};

}  // namespace
}  // namespace nextgen_kernels::benchmarks

int main(int argc, char** argv) {
  CLI::App app{"Measures the execute round trip to a synthetic kernel, without a server."};
  std::string connection_path;
  std::size_t count = 2000;
  app.add_option("connection_file", connection_path)->required();
  app.add_option("--count", count, "Round trips")->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  try {
    const auto connection = synthetic::read_connection_file(connection_path);
    if (!connection) throw std::runtime_error(connection.error().message);
    nk::benchmarks::DirectClient client(*connection);
    for (std::size_t i = 0; i < nk::benchmarks::warm_up_requests; ++i) client.round_trip();
    std::vector<nk::benchmarks::Clock::duration> latencies(count);
    for (auto& latency : latencies) latency = client.round_trip();
    std::puts(nk::benchmarks::latency_report(std::move(latencies)).c_str());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "direct_client: %s\n", error.what());
    return 1;
  }
  return 0;
}
