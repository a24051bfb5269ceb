#include "tcp_socket.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace nextgen_kernels::benchmarks {
namespace {

constexpr int backlog = 1024;
constexpr int patience_ms = 60'000;
constexpr std::size_t max_head_size = 16 * 1024;

sockaddr_in loopback_address(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

void wait_for(const FileDescriptor& socket, short events) {
  pollfd item{socket.get(), events, 0};
  if (poll(&item, 1, patience_ms) == 0) throw std::runtime_error("the peer did not answer in time");
}

}  // namespace

void FileDescriptor::reset() {
  if (value_ >= 0) close(value_);
}

void fail_system_call(std::string_view operation) {
  throw std::runtime_error(fmt::format("{}: {}", operation, std::strerror(errno)));
}

FileDescriptor listen_on_loopback() {
  FileDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto address = loopback_address(0);
  if (bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    fail_system_call("bind");
  if (listen(socket.get(), backlog) != 0) fail_system_call("listen");
  return socket;
}

std::uint16_t local_port(const FileDescriptor& socket) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  if (getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
    fail_system_call("getsockname");
  return ntohs(address.sin_port);
}

FileDescriptor connect_to_loopback(std::uint16_t port) {
  FileDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto address = loopback_address(port);
  if (connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    fail_system_call(fmt::format("connect to 127.0.0.1:{}", port));
  const int on = 1;
  if (setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)
    fail_system_call("TCP_NODELAY");
  return socket;
}

void send_all(const FileDescriptor& socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0)
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    else if (errno == EAGAIN)
      wait_for(socket, POLLOUT);
    else
      fail_system_call("send");
  }
}

std::string receive_http_head(const FileDescriptor& socket) {
  std::string head;
  while (!head.contains("\r\n\r\n")) {
    wait_for(socket, POLLIN);
    std::array<char, 4096> chunk;
    const auto received = recv(socket.get(), chunk.data(), chunk.size(), 0);
    if (received < 0) fail_system_call("recv");
    if (received == 0 || head.size() > max_head_size)
      throw std::runtime_error("the peer did not answer in HTTP");
    head.append(chunk.data(), static_cast<std::size_t>(received));
  }
  return head;
}

void make_non_blocking(const FileDescriptor& socket) {
  if (fcntl(socket.get(), F_SETFL, fcntl(socket.get(), F_GETFL) | O_NONBLOCK) != 0) fail_system_call("fcntl");
}

}  // namespace nextgen_kernels::benchmarks
