#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

struct ssl_st;

namespace nextgen_kernels::benchmarks {

/// Owns a file descriptor.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int value) : value_(value) {}
  ~FileDescriptor() { reset(); }
  FileDescriptor(FileDescriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }

  int get() const { return value_; }

 private:
  void reset();

  int value_ = -1;
};

/// Throws `std::runtime_error` with the error of the last system call.
[[noreturn]] void fail_system_call(std::string_view operation);

/// A socket that listens on a port of the system's choice on 127.0.0.1.
FileDescriptor listen_on_loopback();

std::uint16_t local_port(const FileDescriptor& socket);

/// A connected, blocking socket without Nagle's delay.
FileDescriptor connect_to_loopback(std::uint16_t port);

/// Sends all bytes, waiting where it must.
void send_all(const FileDescriptor& socket, std::string_view bytes);

/// Reads up to and including the empty line that ends the head of an HTTP message, and what came with it.
std::string receive_http_head(const FileDescriptor& socket);

void make_non_blocking(const FileDescriptor& socket);

enum class Security { none, tls };

/// A client's connection to a server on 127.0.0.1, in plain or over TLS; any certificate will do. Reads do
/// not wait, and throw what `fail_system_call` throws.
class ClientStream {
 public:
  ClientStream(std::uint16_t port, Security security);

  int descriptor() const { return socket_.get(); }

  /// Sends all bytes, waiting where it must.
  void send_all(std::string_view bytes);

  /// How many bytes came, 0 at the end; nothing when there are none yet.
  std::optional<std::size_t> receive(std::span<char> bytes);

  /// There is something to receive although the socket need not be readable.
  bool has_buffered() const;

  /// As the function of this name.
  std::string receive_http_head();

 private:
  struct SslDeleter {
    void operator()(ssl_st* ssl) const;
  };

  void begin_tls();
  /// True when the operation is to be tried again, once the socket is ready for it.
  bool should_wait(int result);

  FileDescriptor socket_;
  std::unique_ptr<ssl_st, SslDeleter> ssl_;
};

}  // namespace nextgen_kernels::benchmarks
