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
///
/// Whatever the peer sends, `receive` takes a bounded time: it reads no more than a budget allows, goes on in
/// a later turn of the event loop, and then calls `on_activity` again. A connection whose peer breaks the
/// protocol, or sends commands and does not read the answers, is ended and made anew after a while.
class ZmqSocket {
 public:
  /// A message is refused when so many bytes wait already for a peer that does not read them.
  static constexpr std::size_t most_unsent_bytes = std::size_t{64} * 1024 * 1024;
  /// What `receive` reads at once in search of the end of a message.
  static constexpr std::size_t read_budget = std::size_t{1024} * 1024;

  /// `routing_id`, at most 255 bytes, is the ROUTER's name for us; empty lets the peer choose.
  ZmqSocket(const Executor& executor, ZmqSocketType type, std::string_view routing_id,
            ZmtpLimits limits = {});
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

  /// Receives one message, if there is one: its frames stay valid until the next call. True when `frames()`
  /// holds a message, or the first frames of one that `is_oversized`. False, with `on_activity` to come, when
  /// `most_bytes` have been read and no message is complete.
  bool receive(std::size_t most_bytes = read_budget);
  std::span<const std::string_view> frames() const;

  /// Whether the message exceeded what the limits let be kept: all but its first frames is gone.
  bool is_oversized() const;
  /// The size of the message, in bytes of all its frames.
  std::uint64_t message_size() const;

  /// Lets `receive` find all that has come, also what the event loop does not know of yet: for the last look
  /// at a peer that has ended.
  void look_now();

  /// Calls `on_activity` again, soon, from the event loop.
  void poll_again();

  /// Sends one message, or keeps it until it can be sent; never blocks. Fails with ErrorCode::resource_limit
  /// when more than `most_unsent_bytes` wait already.
  Result<void> send(std::span<const std::string_view> frames);

  /// What was sent and waits here until the peer is there and takes it.
  std::size_t unsent_bytes() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace nextgen_kernels
