#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

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

}  // namespace nextgen_kernels::benchmarks
