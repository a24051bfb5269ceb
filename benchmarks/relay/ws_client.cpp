// The client of every server that is compared: any number of v1 WebSockets to one kernel, on one thread. It
// looks at no more of a message than its frame header, its offsets, and the number at the start of a stream
// message's text.

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include "base/random.h"
#include "latencies.h"
#include "synthetic_kernel/stream_messages.h"
#include "tcp_socket.h"
#include "v1_message.h"
#include "web_socket_frame.h"

namespace nextgen_kernels::benchmarks {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t scratch_size = std::size_t{1} << 20;
constexpr std::size_t receive_size = std::size_t{256} << 10;
constexpr std::size_t events_per_wait = 256;
constexpr milliseconds probe_patience{2000};
constexpr std::size_t warm_up_requests = 50;
constexpr std::string_view idle_content = R"("execution_state": "idle")";

struct Target {
  std::uint16_t port = 0;
  Security security = Security::none;
  std::string kernel_id;
  std::string token;
};

/// How many sockets a client opens.
struct Sockets {
  std::size_t reading = 1;
  std::size_t stalled = 0;  ///< They read nothing.
};

/// What one socket received of the current execution.
struct Tally {
  std::uint64_t stream_messages = 0;
  std::uint64_t next_sequence = 0;
  std::uint64_t out_of_order = 0;
  bool replied = false;
  bool idle = false;
};

struct Connection {
  ClientStream stream;
  std::string partial_frame;
  Tally tally;
};

/// CPU time of another process, all its threads together.
class ProcessCpuClock {
 public:
  explicit ProcessCpuClock(std::optional<pid_t> process) {
    if (process && clock_getcpuclockid(*process, &clock_.emplace()) != 0)
      throw std::runtime_error("there is no process with the server's id");
  }

  /// Nothing when there is no such process to measure.
  std::optional<double> microseconds() const {
    if (!clock_) return std::nullopt;
    timespec time{};
    clock_gettime(*clock_, &time);
    return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
  }

 private:
  std::optional<clockid_t> clock_;
};

class WebSocketClient {
 public:
  WebSocketClient(const Target& target, Sockets sockets, milliseconds patience)
      : epoll_(epoll_create1(EPOLL_CLOEXEC)), scratch_(scratch_size), patience_(patience) {
    for (std::size_t i = 0; i < sockets.stalled; ++i) stalled_.push_back(open(target));
    for (std::size_t i = 0; i < sockets.reading; ++i) {
      connections_.push_back(open(target));
      epoll_event event{.events = EPOLLIN, .data = {.u64 = i}};
      if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, connections_[i].stream.descriptor(), &event) != 0)
        fail_system_call("epoll_ctl");
    }
    wait_until_all_are_served();
  }

  /// Sends an execute_request on the first socket; the tallies start anew.
  void execute(std::string_view code) {
    request_id_ = fmt::format("{}_{}", session_, next_request_++);
    for (auto& connection : connections_) {
      connection.tally = {};
      dispatch_partial(connection);
    }
    first_stream_.reset();
    const synthetic::MessageParts parts{
        .header = synthetic::make_header(request_id_, "execute_request", session_),
        .content = fmt::format(R"({{"code": "{}", "silent": false, "store_history": true, )"
                               R"("user_expressions": {{}}, "allow_stdin": false, "stop_on_error": true}})",
                               code)};
    connections_.front().stream.send_all(client_frame(Opcode::binary, encode_v1("shell", parts)));
  }

  void wait_until_all_are_idle() {
    const auto end = Clock::now() + patience_;
    while (!all_are_idle()) {
      if (Clock::now() > end) throw std::runtime_error(describe_unfinished());
      receive_some(milliseconds(100));
    }
  }

  /// From sending a trivial request to its reply; returns when it is idle too.
  Clock::duration round_trip() {
    const auto start = Clock::now();
    std::optional<Clock::duration> latency;
    execute("echo");
    const auto& tally = connections_.front().tally;
    while (!tally.replied || !tally.idle) {
      if (Clock::now() > start + patience_) throw std::runtime_error("no reply in time");
      receive_some(milliseconds(100));
      acknowledge_at_once();
      if (tally.replied && !latency) latency = Clock::now() - start;
    }
    return *latency;
  }

  const std::vector<Connection>& connections() const { return connections_; }

  /// Between the first and the last stream message on any socket.
  Clock::duration streaming_time() const {
    return first_stream_ ? last_stream_ - *first_stream_ : Clock::duration::zero();
  }

 private:
  static Connection open(const Target& target) {
    Connection connection{
        .stream = ClientStream(target.port, target.security), .partial_frame = {}, .tally = {}};
    constexpr std::string_view key = "dGhlIHNhbXBsZSBub25jZQ==";
    connection.stream.send_all(fmt::format(
        "GET /api/kernels/{}/channels?session_id={} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n"
        "Authorization: token {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {}\r\nSec-WebSocket-Protocol: {}\r\n\r\n",
        target.kernel_id, random_uuid(), target.port, target.token, key, v1_subprotocol));
    const auto answer = connection.stream.receive_http_head();
    const auto head_size = answer.find("\r\n\r\n") + 4;
    const auto head = std::string_view(answer).substr(0, head_size);
    if (!head.starts_with("HTTP/1.1 101 "))
      throw std::runtime_error(
          fmt::format("the server refused the WebSocket: {}", head.substr(0, head.find('\r'))));
    if (http_field(head, "Sec-WebSocket-Accept") != web_socket_accept(key) ||
        http_field(head, "Sec-WebSocket-Protocol") != v1_subprotocol)
      throw std::runtime_error("the server did not accept the v1 subprotocol");
    connection.partial_frame = answer.substr(head_size);
    return connection;
  }

  /// A server may accept a socket before it relays to it: asks until one request's idle status came on every
  /// socket.
  void wait_until_all_are_served() {
    const auto end = Clock::now() + patience_;
    while (true) {
      execute("echo");
      const auto probe_end = Clock::now() + probe_patience;
      while (Clock::now() < probe_end) {
        if (all_are_idle()) return;
        receive_some(milliseconds(100));
      }
      if (Clock::now() > end)
        throw std::runtime_error("not every socket is served; " + describe_unfinished());
    }
  }

  bool all_are_idle() const {
    return std::ranges::all_of(connections_, [](const Connection& each) { return each.tally.idle; });
  }

  std::string describe_unfinished() const {
    const auto idle =
        std::ranges::count_if(connections_, [](const Connection& each) { return each.tally.idle; });
    std::uint64_t received = 0;
    for (const auto& each : connections_) received += each.tally.stream_messages;
    return fmt::format("{} of {} sockets are idle after {} stream messages", idle, connections_.size(),
                       received);
  }

  void receive_some(milliseconds timeout) {
    std::array<epoll_event, events_per_wait> events;
    const int count =
        epoll_wait(epoll_.get(), events.data(), events.size(), static_cast<int>(timeout.count()));
    for (int i = 0; i < count; ++i) {
      auto& connection = connections_[events[i].data.u64];
      receive(connection);
      while (connection.stream.has_buffered()) receive(connection);
    }
  }

  /// All sockets share one buffer, which stays in the cache; what is left of a frame is put aside.
  void receive(Connection& connection) {
    const auto kept = connection.partial_frame.size();
    std::memcpy(scratch_.data(), connection.partial_frame.data(), kept);
    const auto room = std::min(receive_size, scratch_.size() - kept);
    const auto received = connection.stream.receive({scratch_.data() + kept, room});
    if (!received) return;
    if (*received == 0) throw std::runtime_error("the server closed a WebSocket");
    const auto before = connection.tally.stream_messages;
    dispatch(connection, {scratch_.data(), kept + *received});
    if (connection.tally.stream_messages != before) {
      last_stream_ = Clock::now();
      if (!first_stream_) first_stream_ = last_stream_;
    }
  }

  /// Frames that came together with the answer to the upgrade.
  void dispatch_partial(Connection& connection) {
    const auto bytes = std::exchange(connection.partial_frame, {});
    dispatch(connection, bytes);
  }

  void dispatch(Connection& connection, std::string_view bytes) {
    while (const auto header = parse_frame_header(bytes)) {
      const auto frame_size = header->header_size + header->payload_size;
      if (frame_size > scratch_size - receive_size)
        throw std::runtime_error("a frame is too large for this client");
      if (bytes.size() < frame_size) break;
      handle(connection, *header, bytes.substr(header->header_size, header->payload_size));
      bytes.remove_prefix(frame_size);
    }
    connection.partial_frame = bytes;
  }

  void handle(Connection& connection, const FrameHeader& header, std::string_view payload) {
    if (header.opcode == Opcode::ping) {
      connection.stream.send_all(client_frame(Opcode::pong, payload));
    } else if (header.opcode == Opcode::binary && header.final && !header.mask) {
      const auto message = decode_v1(payload);
      if (!message) throw std::runtime_error("a message has wrong offsets");
      count(connection.tally, *message);
    } else if (header.opcode != Opcode::pong) {
      throw std::runtime_error(
          fmt::format("a frame of an unexpected kind, opcode {}", fmt::underlying(header.opcode)));
    }
  }

  void count(Tally& tally, const V1Message& message) const {
    if (const auto sequence = synthetic::sequence_number(message.content)) {
      ++tally.stream_messages;
      if (*sequence != tally.next_sequence) ++tally.out_of_order;
      tally.next_sequence = *sequence + 1;
    } else if (message.parent_header.contains(request_id_)) {
      if (message.channel == "shell") tally.replied = true;
      if (message.channel == "iopub" && message.content.contains(idle_content)) tally.idle = true;
    }
  }

  /// Without it a server that leaves Nagle's algorithm on is measured by the client's delayed
  /// acknowledgement, 40 ms, and not by its own work.
  void acknowledge_at_once() {
    const int on = 1;
    setsockopt(connections_.front().stream.descriptor(), IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
  }

  FileDescriptor epoll_;
  std::vector<char> scratch_;
  milliseconds patience_;
  std::vector<Connection> connections_;
  std::vector<Connection> stalled_;
  std::string session_ = random_uuid();
  std::string request_id_;
  std::size_t next_request_ = 0;
  std::optional<Clock::time_point> first_stream_;
  Clock::time_point last_stream_;
};

std::string measure_flood(WebSocketClient& client, const ProcessCpuClock& server, std::uint64_t count,
                          std::size_t size) {
  const auto server_start = server.microseconds();
  client.execute(fmt::format("flood {} {}", count, size));
  client.wait_until_all_are_idle();
  const auto server_end = server.microseconds();
  std::uint64_t received = 0;
  std::uint64_t out_of_order = 0;
  for (const auto& connection : client.connections()) {
    received += connection.tally.stream_messages;
    out_of_order += connection.tally.out_of_order;
  }
  const auto expected = count * client.connections().size();
  const auto time = seconds(client.streaming_time());
  return fmt::format(
      R"({{"messages": {}, "deliveries": {}, "lost": {}, "out_of_order": {}, "seconds": {:.6f}, )"
      R"("messages_per_second": {:.0f}, "deliveries_per_second": {:.0f}, "server_cpu_us_per_message": {}}})",
      count, received, expected - received, out_of_order, time,
      static_cast<double>(received) / static_cast<double>(client.connections().size()) / time,
      static_cast<double>(received) / time,
      server_start ? fmt::format("{:.3f}", (*server_end - *server_start) / static_cast<double>(count))
                   : "null");
}

std::string measure_round_trips(WebSocketClient& client, std::size_t count) {
  for (std::size_t i = 0; i < warm_up_requests; ++i) client.round_trip();
  std::vector<Clock::duration> latencies(count);
  for (auto& latency : latencies) latency = client.round_trip();
  return latency_report(std::move(latencies));
}

}  // namespace
}  // namespace nextgen_kernels::benchmarks

namespace nk = nextgen_kernels;

int main(int argc, char** argv) {
  CLI::App app{"Measures a Jupyter server through the WebSocket of a synthetic kernel."};
  nk::benchmarks::Target target;
  nk::benchmarks::Sockets sockets;
  std::size_t patience_seconds = 60;
  std::optional<pid_t> server_process;
  app.add_option("--port", target.port, "Port of the server on 127.0.0.1")->required();
  app.add_flag_callback(
      "--tls", [&target] { target.security = nk::benchmarks::Security::tls; }, "Any certificate will do");
  app.add_option("--kernel-id", target.kernel_id)->required();
  app.add_option("--token", target.token, "The server's token")->envname("JUPYTER_TOKEN");
  app.add_option("--sockets", sockets.reading)->check(CLI::Range(1, 10'000));
  app.add_option("--stalled", sockets.stalled, "Sockets beside them that read nothing");
  app.add_option("--server-process", server_process, "Process whose CPU time is reported");
  app.add_option("--patience", patience_seconds, "Seconds until a missing answer is an error");
  app.require_subcommand(1);

  std::uint64_t messages = 0;
  std::size_t size = 0;
  auto* flood = app.add_subcommand("flood", "Stream messages per second from the kernel to all sockets");
  flood->add_option("--messages", messages)->required()->check(CLI::PositiveNumber);
  flood->add_option("--size", size, "Bytes of text in each")->required();
  std::size_t count = 2000;
  auto* round_trip = app.add_subcommand("round-trip", "Time from execute_request to execute_reply");
  round_trip->add_option("--count", count)->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);

  try {
    const nk::benchmarks::ProcessCpuClock server(server_process);
    nk::benchmarks::WebSocketClient client(target, sockets, std::chrono::seconds(patience_seconds));
    const auto report =
        *flood ? measure_flood(client, server, messages, size) : measure_round_trips(client, count);
    std::puts(report.c_str());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "ws_client: %s\n", error.what());
    return 1;
  }
  return 0;
}
