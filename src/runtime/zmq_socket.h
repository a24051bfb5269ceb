#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "runtime/task.h"
#include "wire/zmtp.h"

namespace nextgen_kernels {

/// What the connection of a socket does: it stands once the handshake is done.
enum class ZmqConnectionEvent { connected, disconnected };

/// One connecting ZMQ socket on an event loop, over TCP or a Unix-domain socket, for one peer. Belongs to one
/// executor; its handlers run there.
///
/// It connects in the background, again and again until the peer is there, and again when the connection
/// breaks. What was sent meanwhile goes out once the connection stands; a message that was under way when it
/// broke is sent again as a whole.
///
/// Reading is up to the owner: `on_activity` is called when there may be something to receive, and the owner
/// then calls `receive` until it says false. After it stopped early it calls `poll_again`, or it will not be
/// called for what is left. Nothing is read from the peer that is not asked for.
class ZmqSocket {
 public:
  /// `routing_id`, at most 255 bytes, is the ROUTER's name for us; empty lets the peer choose.
  ZmqSocket(const Executor& executor, ZmqSocketType type, std::string_view routing_id);
  ZmqSocket(const ZmqSocket&) = delete;
  ZmqSocket& operator=(const ZmqSocket&) = delete;
  ~ZmqSocket();

  /// Starts connecting to `endpoint`: `tcp://HOST:PORT`, `ipc://PATH`. Fails only when it is neither. Called
  /// once.
  Result<void> connect(std::string_view endpoint);

  /// Reports connection events; call before `connect`.
  void on_connection(std::function<void(ZmqConnectionEvent)> handler);
  bool connected() const;

  /// Why there is no connection, in words; empty when there is one, or nothing is known yet.
  const std::string& last_failure() const;

  /// Begins to call `on_activity`. Called once. Without it, what the peer sends is dropped.
  void start(std::function<void()> on_activity);

  /// Receives one message, if there is one: its frames stay valid until the next call.
  /// True when `frames()` holds a message.
  bool receive();
  std::span<const std::string_view> frames() const;

  /// Lets `receive` find all that has come, also what the event loop does not know of yet: for the last look
  /// at a peer that has ended.
  void look_now();

  /// Calls `on_activity` again, soon, from the event loop.
  void poll_again();

  /// Sends one message, or keeps it until it can be sent; never blocks.
  void send(std::span<const std::string_view> frames);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace nextgen_kernels
