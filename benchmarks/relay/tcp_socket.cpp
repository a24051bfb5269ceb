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
#include <openssl/err.h>
#include <openssl/ssl.h>
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

namespace {

/// `receive` waits for what it returns.
template <typename Receive>
std::string collect_http_head(Receive receive) {
  std::string head;
  while (!head.contains("\r\n\r\n")) {
    std::array<char, 4096> chunk;
    const std::size_t received = receive(std::span(chunk));
    if (received == 0 || head.size() > max_head_size)
      throw std::runtime_error("the peer did not answer in HTTP");
    head.append(chunk.data(), received);
  }
  return head;
}

}  // namespace

std::string receive_http_head(const FileDescriptor& socket) {
  return collect_http_head([&socket](std::span<char> chunk) {
    wait_for(socket, POLLIN);
    const auto received = recv(socket.get(), chunk.data(), chunk.size(), 0);
    if (received < 0) fail_system_call("recv");
    return static_cast<std::size_t>(received);
  });
}

void ClientStream::SslDeleter::operator()(ssl_st* ssl) const {
  SSL_free(ssl);
}

void make_non_blocking(const FileDescriptor& socket) {
  if (fcntl(socket.get(), F_SETFL, fcntl(socket.get(), F_GETFL) | O_NONBLOCK) != 0) fail_system_call("fcntl");
}

ClientStream::ClientStream(std::uint16_t port, Security security) : socket_(connect_to_loopback(port)) {
  make_non_blocking(socket_);
  if (security == Security::tls) begin_tls();
}

void ClientStream::begin_tls() {
  static const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()),
                                                                         &SSL_CTX_free);
  ssl_.reset(SSL_new(context.get()));
  if (ssl_ == nullptr || SSL_set_fd(ssl_.get(), socket_.get()) != 1)
    throw std::runtime_error("OpenSSL does not work");
  while (true) {
    const int result = SSL_connect(ssl_.get());
    if (result == 1) return;
    if (!should_wait(result)) throw std::runtime_error("the server did not finish the TLS handshake");
    wait_for(socket_, SSL_want_write(ssl_.get()) ? POLLOUT : POLLIN);
  }
}

bool ClientStream::should_wait(int result) {
  const int error = SSL_get_error(ssl_.get(), result);
  ERR_clear_error();
  return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

void ClientStream::send_all(std::string_view bytes) {
  if (ssl_ == nullptr) return benchmarks::send_all(socket_, bytes);
  while (!bytes.empty()) {
    std::size_t sent = 0;
    const int result = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &sent);
    if (result == 1) {
      bytes.remove_prefix(sent);
      continue;
    }
    if (!should_wait(result)) throw std::runtime_error("TLS could not send");
    wait_for(socket_, SSL_want_write(ssl_.get()) ? POLLOUT : POLLIN);
  }
}

std::optional<std::size_t> ClientStream::receive(std::span<char> bytes) {
  if (ssl_ == nullptr) {
    const auto received = recv(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (received < 0 && errno == EAGAIN) return std::nullopt;
    if (received < 0) fail_system_call("recv");
    return static_cast<std::size_t>(received);
  }
  std::size_t received = 0;
  const int result = SSL_read_ex(ssl_.get(), bytes.data(), bytes.size(), &received);
  if (result == 1) return received;
  if (!should_wait(result)) return 0;
  return std::nullopt;
}

bool ClientStream::has_buffered() const {
  return ssl_ != nullptr && SSL_pending(ssl_.get()) > 0;
}

std::string ClientStream::receive_http_head() {
  return collect_http_head([this](std::span<char> chunk) {
    while (true) {
      if (const auto received = receive(chunk)) return *received;
      wait_for(socket_, POLLIN);
    }
  });
}

}  // namespace nextgen_kernels::benchmarks
