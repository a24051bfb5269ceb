// The fastest a server can fan out: one WebSocket frame, made beforehand, sent to every socket as often as an
// execute_request `flood COUNT SIZE` asks for, 64 frames with one writev. There is no kernel behind it.

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <variant>

#include <nlohmann/json.hpp>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/random.h"
#include "synthetic_kernel/command.h"
#include "synthetic_kernel/stream_messages.h"
#include "tcp_socket.h"
#include "v1_message.h"
#include "web_socket_frame.h"

namespace nextgen_kernels::benchmarks {
namespace {

constexpr std::size_t frames_per_write = 64;
constexpr std::size_t events_per_wait = 256;
constexpr auto nothing_to_send = std::numeric_limits<std::uint64_t>::max();

/// One execution: the same frame `count` times, then the idle status.
struct Flood {
  std::string frame;
  std::uint64_t count = 0;
  std::string idle_frame;

  std::uint64_t frame_count() const { return count + 1; }
  const std::string& frame_at(std::uint64_t index) const { return index < count ? frame : idle_frame; }
};

class Connection {
 public:
  explicit Connection(FileDescriptor socket) : socket_(std::move(socket)) {}

  const FileDescriptor& socket() const { return socket_; }

  void start() { next_frame_ = sent_of_frame_ = 0; }
  bool is_done(const Flood& flood) const { return next_frame_ >= flood.frame_count(); }

  enum class Progress { wrote, blocked };

  /// Up to `frames_per_write` frames.
  Progress write_some(const Flood& flood) {
    std::array<iovec, frames_per_write> vector;
    const auto frames = std::min<std::uint64_t>(frames_per_write, flood.frame_count() - next_frame_);
    for (std::size_t i = 0; i < frames; ++i) {
      const auto& frame = flood.frame_at(next_frame_ + i);
      const auto skip = i == 0 ? sent_of_frame_ : 0;
      vector[i] = {const_cast<char*>(frame.data()) + skip, frame.size() - skip};
    }
    const auto written = writev(socket_.get(), vector.data(), static_cast<int>(frames));
    if (written < 0) {
      if (errno == EAGAIN) return Progress::blocked;
      fail_system_call("writev");
    }
    advance(flood, static_cast<std::size_t>(written));
    return Progress::wrote;
  }

  /// The payload of the next whole frame that came in.
  std::optional<std::string> take_payload() {
    const auto header = parse_frame_header(received_);
    if (!header || received_.size() < header->header_size + header->payload_size) return std::nullopt;
    auto payload = received_.substr(header->header_size, header->payload_size);
    received_.erase(0, header->header_size + header->payload_size);
    return header->mask ? unmasked(payload, *header->mask) : payload;
  }

  enum class Peer { there, gone };

  Peer receive() {
    std::array<char, 4096> chunk;
    while (true) {
      const auto size = recv(socket_.get(), chunk.data(), chunk.size(), 0);
      if (size == 0) return Peer::gone;
      if (size < 0) return errno == EAGAIN ? Peer::there : Peer::gone;
      received_.append(chunk.data(), static_cast<std::size_t>(size));
    }
  }

 private:
  void advance(const Flood& flood, std::size_t written) {
    sent_of_frame_ += written;
    while (next_frame_ < flood.frame_count() && sent_of_frame_ >= flood.frame_at(next_frame_).size())
      sent_of_frame_ -= flood.frame_at(next_frame_++).size();
  }

  FileDescriptor socket_;
  std::string received_;
  std::uint64_t next_frame_ = nothing_to_send;
  std::size_t sent_of_frame_ = 0;
};

/// What an execute_request asks for; the frames answer its header. Commands other than `flood` send the idle
/// only.
Flood make_flood(const V1Message& request) {
  const auto content = nlohmann::json::parse(request.content);
  const auto command = synthetic::parse_command(content["code"].get<std::string>());
  if (!command) throw std::runtime_error(command.error().message);
  const auto session = random_uuid();
  Flood result;
  if (const auto* flood = std::get_if<synthetic::FloodCommand>(&*command)) {
    synthetic::StreamMessages messages(session, std::string(request.header), flood->text_size);
    result.frame = server_frame(Opcode::binary, encode_v1("iopub", messages.next()));
    result.count = flood->count;
  }
  const synthetic::MessageParts idle{.header = synthetic::make_header("idle", "status", session),
                                     .parent_header = std::string(request.header),
                                     .content = R"({"execution_state": "idle"})"};
  result.idle_frame = server_frame(Opcode::binary, encode_v1("iopub", idle));
  return result;
}

class WritevServer {
 public:
  WritevServer() : listener_(listen_on_loopback()), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    watch(listener_, EPOLLIN);
  }

  std::uint16_t port() const { return local_port(listener_); }

  [[noreturn]] void run() {
    while (true) {
      wait_for_events();
      write_once_to_each();
    }
  }

 private:
  void watch(const FileDescriptor& socket, std::uint32_t events) {
    epoll_event event{.events = events, .data = {.fd = socket.get()}};
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, socket.get(), &event) != 0) fail_system_call("epoll_ctl");
  }

  void wait_for_events() {
    std::array<epoll_event, events_per_wait> events;
    const int count = epoll_wait(epoll_.get(), events.data(), events.size(), writable_.empty() ? -1 : 0);
    for (int i = 0; i < count; ++i) {
      if (events[i].data.fd == listener_.get()) {
        accept_one();
        continue;
      }
      auto& connection = *connections_.at(events[i].data.fd);
      if ((events[i].events & EPOLLOUT) != 0 && !connection.is_done(flood_)) writable_.insert(&connection);
      if ((events[i].events & EPOLLIN) != 0) receive(connection);
    }
  }

  void accept_one() {
    FileDescriptor socket(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (socket.get() < 0) fail_system_call("accept");
    const auto head = receive_http_head(socket);
    send_all(socket,
             fmt::format("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                         "Sec-WebSocket-Accept: {}\r\nSec-WebSocket-Protocol: {}\r\n\r\n",
                         web_socket_accept(http_field(head, "Sec-WebSocket-Key")), v1_subprotocol));
    make_non_blocking(socket);
    watch(socket, EPOLLIN | EPOLLOUT | EPOLLET);
    const int descriptor = socket.get();
    connections_[descriptor] = std::make_unique<Connection>(std::move(socket));
  }

  void receive(Connection& connection) {
    if (connection.receive() == Connection::Peer::gone) {
      writable_.erase(&connection);
      connections_.erase(connection.socket().get());
      return;
    }
    while (const auto payload = connection.take_payload()) {
      const auto request = decode_v1(*payload);
      if (!request) continue;  // A close frame.
      flood_ = make_flood(*request);
      for (const auto& [descriptor, each] : connections_) {
        each->start();
        writable_.insert(each.get());
      }
    }
  }

  void write_once_to_each() {
    std::erase_if(writable_, [&](Connection* connection) {
      return connection->write_some(flood_) == Connection::Progress::blocked || connection->is_done(flood_);
    });
  }

  FileDescriptor listener_;
  FileDescriptor epoll_;
  std::map<int, std::unique_ptr<Connection>> connections_;
  std::set<Connection*> writable_;
  Flood flood_;
};

}  // namespace
}  // namespace nextgen_kernels::benchmarks

int main() {
  try {
    nextgen_kernels::benchmarks::WritevServer server;
    fmt::print("{{\"port\": {}}}\n", server.port());
    std::fflush(stdout);
    server.run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "writev_server: %s\n", error.what());
    return 1;
  }
}
