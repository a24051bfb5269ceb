#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nextgen_kernels::synthetic {

using Frames = std::vector<std::string>;

/// A libzmq context. Destroyed after its sockets; unsent messages are kept for at most their socket's linger.
class ZmqContext {
 public:
  ZmqContext();
  ~ZmqContext();
  ZmqContext(const ZmqContext&) = delete;
  ZmqContext& operator=(const ZmqContext&) = delete;

  void* handle() const { return handle_; }

 private:
  void* handle_;
};

/// A libzmq socket without high water marks: it never drops and never blocks on a slow peer.
/// Every failure throws `std::runtime_error`: in a test or a benchmark nothing useful can follow.
class ZmqSocket {
 public:
  ZmqSocket(const ZmqContext& context, int type);
  ~ZmqSocket();
  ZmqSocket(const ZmqSocket&) = delete;
  ZmqSocket& operator=(const ZmqSocket&) = delete;

  void set(int option, int value);
  void set(int option, std::string_view value);
  void bind(const std::string& endpoint);
  void connect(const std::string& endpoint);
  std::string bound_endpoint() const;

  void send(std::span<const std::string_view> frames);
  void send(const Frames& frames);

  /// The next message, or nothing when none is waiting.
  std::optional<Frames> try_receive();
  /// Waits for the next message, for at most ZMQ_RCVTIMEO.
  Frames receive();

  void* handle() const { return handle_; }

 private:
  std::optional<Frames> receive_message(int flags);

  void* handle_;
};

}  // namespace nextgen_kernels::synthetic
