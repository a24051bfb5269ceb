#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/posix/stream_descriptor.hpp>

#include "base/error.h"
#include "runtime/task.h"

namespace nextgen_kernels {

/// A libzmq context: its I/O thread serves all sockets made from it. Outlives them.
class ZmqContext {
 public:
  ZmqContext();
  ZmqContext(const ZmqContext&) = delete;
  ZmqContext& operator=(const ZmqContext&) = delete;
  ~ZmqContext();

  void* handle() const { return context_; }

 private:
  void* context_;
};

enum class ZmqSocketType { dealer, sub };

/// What the connection of a socket does, as libzmq's socket monitor tells.
enum class ZmqConnectionEvent { connected, disconnected };

/// One connecting ZMQ socket on an event loop. Belongs to one executor; its handlers run there.
///
/// Reading is driven by the socket's edge-triggered descriptor: `on_activity` is called once when there may
/// be something to receive, and the owner then calls `receive` until it says false. After it stopped early it
/// calls `poll_again`, or it will not be called for what is left.
class ZmqSocket {
 public:
  /// `routing_id` is the ROUTER's name for us; empty lets the peer choose.
  ZmqSocket(ZmqContext& context, const Executor& executor, ZmqSocketType type, std::string_view routing_id);
  ZmqSocket(const ZmqSocket&) = delete;
  ZmqSocket& operator=(const ZmqSocket&) = delete;
  ~ZmqSocket();

  /// Starts connecting to `endpoint` (`tcp://…`, `ipc://…`); libzmq goes on trying in the background.
  Result<void> connect(const std::string& endpoint);

  /// Queues nothing for a peer that is not connected: until one is, `can_send` is false and `send` fails.
  /// Call before `connect`.
  void send_only_when_connected();
  bool can_send() const;

  /// Begins to call `on_activity`. Called once.
  void start(std::function<void()> on_activity);

  /// Receives one message, if there is one: its frames stay valid until the next call.
  /// True when `frames()` holds a message.
  bool receive();
  std::span<const std::string_view> frames() const { return frames_; }

  /// Calls `on_activity` again, soon, from the event loop.
  void poll_again();

  /// Sends one message; never blocks. Fails only when libzmq refuses (queue full, socket broken).
  Result<void> send(std::span<const std::string_view> frames);

  /// Reports connection events; call before `connect`.
  void monitor(std::function<void(ZmqConnectionEvent)> on_event);

 private:
  struct State;
  std::shared_ptr<State> state_;
  std::vector<std::string_view> frames_;
};

}  // namespace nextgen_kernels
