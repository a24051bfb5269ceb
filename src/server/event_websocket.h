#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "runtime/event.h"
#include "server/event_bus.h"
#include "server/http_message.h"
#include "server/user.h"
#include "wire/websocket_frame.h"

namespace nextgen_kernels {

/// A client that is told of events over a WebSocket, one text message each: of all since it was made, which
/// is before it has a socket. Shared by those who make it and serve it; on the server's executor. One that
/// does not keep up is cut off at once: events are few, a part of them would mislead, and a client that reads
/// nothing does not see a goodbye either.
class EventWebSocket final : private EventListener {
 public:
  struct Settings {
    std::chrono::steady_clock::duration ping_interval = std::chrono::seconds(30);  ///< 0 sends none.
    std::chrono::steady_clock::duration close_timeout = std::chrono::seconds(2);
  };

  /// Hears what the user may know.
  EventWebSocket(const Executor& executor, UserPointer user, EventBus& bus, Settings settings);
  EventWebSocket(const EventWebSocket&) = delete;
  EventWebSocket& operator=(const EventWebSocket&) = delete;

  /// Ends when the connection has. `received` came with the upgrade request.
  Task<void> serve(ClientSocket socket, std::string received);

  /// Says goodbye. A client that does not take it is cut off after twice the close timeout.
  void close(std::uint16_t code, std::string_view reason);

  /// An event for this client only.
  void send(std::string_view text);

 private:
  void on_event(const std::shared_ptr<const std::string>& json,
                const std::optional<std::string>& owner) override;
  Task<void> read(std::string received);
  Task<void> write();
  Task<bool> write_first_frame();
  Task<void> watch();
  /// False when the client is gone.
  bool handle(const WebSocketEvent& event);
  void queue(WebSocketOpcode opcode, std::string_view payload);
  bool note_silence();

  std::optional<ClientSocket> socket_;
  UserPointer user_;
  Settings settings_;
  WebSocketDecoder decoder_;
  std::deque<std::string> frames_;
  std::size_t waiting_bytes_ = 0;  // Of frames_.
  std::chrono::steady_clock::time_point last_heard_ = std::chrono::steady_clock::now();
  bool closing_ = false;
  bool falls_behind_ = false;
  Event changed_;
  EventBus::Subscription subscription_;
};

}  // namespace nextgen_kernels
