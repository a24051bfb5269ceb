#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/buffer.hpp>
#include <boost/asio/steady_timer.hpp>

#include "journal/breaking_messages.h"
#include "journal/conversation.h"
#include "journal/cursor.h"
#include "journal/journal_services.h"
#include "kernels/kernel_manager.h"
#include "server/http_message.h"
#include "server/pacer.h"
#include "wire/message.h"
#include "wire/outgoing_message.h"
#include "wire/websocket_frame.h"

namespace nextgen_kernels {

/// How kernel messages are put into WebSocket messages. A client that does not offer
/// `v1.kernel.websocket.jupyter.org` gets Jupyter Server's first, JSON protocol, which has no name.
enum class KernelWebSocketProtocol { legacy, v1 };

inline constexpr std::string_view v1_subprotocol = "v1.kernel.websocket.jupyter.org";

struct KernelWebSocketSettings {
  std::chrono::steady_clock::duration ping_interval = std::chrono::seconds(30);  ///< 0 sends none.
  /// A client of which nothing was heard for so long is no more one of the kernel's `connections`, until it
  /// is heard again.
  std::chrono::steady_clock::duration absent_after = std::chrono::seconds(90);
  /// A client of which nothing was heard for so long, and that took nothing of what was on its way to it, is
  /// gone. That its system takes what is sent says nothing: it does so for a process that hangs.
  std::chrono::steady_clock::duration ping_timeout = std::chrono::minutes(15);
  std::chrono::steady_clock::duration close_timeout =
      std::chrono::seconds(2);  ///< For its answer to a close frame.
  /// For the rest of what a kernel said that is gone: a client that takes nothing for so long is cut off.
  std::chrono::steady_clock::duration drain_timeout = std::chrono::seconds(30);
  /// For a starting kernel, before a client that speaks the legacy protocol is let in: shorter than what
  /// proxies wait for an answer.
  std::chrono::steady_clock::duration handshake_patience = std::chrono::seconds(25);
  std::size_t max_message_bytes = std::size_t{512} * 1024 * 1024;
  std::size_t most_sockets = 0;  ///< At once, with those for events; further ones are refused. 0: no limit.
  /// How long after a frame the client is asked whether it has it; 0 never asks.
  std::chrono::steady_clock::duration acknowledgement_delay = std::chrono::milliseconds(50);
  PaceSettings pace = {};
  /// What clients may send to kernels; other types are ignored. Empty: all.
  std::vector<std::string> allowed_message_types = {};
  bool allows(std::string_view message_type) const {
    return allowed_message_types.empty() ||
           std::ranges::find(allowed_message_types, message_type) != allowed_message_types.end();
  }
  /// A session that comes back goes on where it was.
  bool buffer_offline_messages = true;
  /// Where large messages are put into the form of the legacy protocol; empty: in their turn.
  RunBlocking render = {};
};

/// Whose WebSocket it is and what it carries.
struct KernelWebSocketClient {
  std::string session_id;
  KernelWebSocketProtocol protocol = KernelWebSocketProtocol::legacy;
  bool read_only = false;     ///< Listens only; what it asks of the kernel is refused.
  std::string greeting = {};  ///< A notice that it gets first.
};

/// One client's connection to one kernel after the upgrade: RFC 6455 over the TCP socket, by our own code.
///
/// What the kernel says is read from its journal by a cursor and written as it is: each message's WebSocket
/// frame was built once, for everybody, and one system call writes many of them. Nobody waits for a client
/// that reads slowly; its cursor falls behind. Nothing is allocated and no coroutine runs for a single
/// message.
///
/// Shared by its pending operations and by the server's list of sockets, which `on_ended` takes it off.
/// Belongs to the kernel's executor. Life: `start`, then `close` or the client's end, then `on_ended`, once.
class KernelWebSocket : public std::enable_shared_from_this<KernelWebSocket>, private JournalListener {
 public:
  /// `place` counts what is sent; it and `reading` say where the client begins. `breaking_sessions` is shared
  /// by all sockets.
  KernelWebSocket(ClientSocket socket, std::shared_ptr<KernelManager> kernel, KernelWebSocketClient client,
                  std::shared_ptr<ListenerPlace> place, CursorOptions reading,
                  const KernelWebSocketSettings& settings,
                  std::shared_ptr<BreakingSessions> breaking_sessions);
  KernelWebSocket(const KernelWebSocket&) = delete;
  KernelWebSocket& operator=(const KernelWebSocket&) = delete;
  ~KernelWebSocket() override;

  /// Told once.
  std::function<void(KernelWebSocket& socket)> on_ended;

  const std::string& kernel_id() const { return kernel_->kernel_id(); }
  const KernelWebSocketClient& client() const { return client_; }

  /// Tells the client the kernel's state and begins to relay. `received` came with the upgrade request.
  void start(std::string_view received);

  /// Starts the closing handshake, once what is under way has been written.
  void close(std::uint16_t code, std::string_view reason);

  /// Closes the TCP connection, now.
  void end();

 private:
  enum class State { open, closing, ended };

  void on_journal_activity() override;

  // Writing: `flush` collects what is to be written and writes it, until there is nothing or the socket is
  // full.
  void flush();
  bool collect();
  void collect_journal();
  Cursor::Batch read_journal();
  bool takes_long_to_render(const JournalEntry& entry) const;
  void render(JournalEntry entry);
  /// The number of the next message that the client gets.
  MessageNumber position() const { return waiting_ ? waiting_->number : cursor_.position(); }
  bool has_collected_all() const { return cursor_.at_end() && !waiting_; }
  void spend_pace(const Message& message);
  void collect_own(MessageNumber before, MessageNumber after);
  void tell_loss(const Cursor::Batch& batch);
  Message::Pointer stand_in_for(const JournalEntry& entry);
  void tell_state_ahead();
  std::string_view frame_of(const Message& message) const;
  void add_frame(Message::Pointer message);
  bool write_collected();
  std::vector<asio::const_buffer> pieces_to_write() const;
  void note_written(std::size_t count);
  void go_on_later();
  void wait_writable();
  void wait_for_pace();
  void finish_batch();

  // Reading.
  void wait_readable();
  void read();
  void feed(std::string_view bytes);
  void handle(WebSocketEvent event);
  void handle_message(WebSocketOpcode opcode, std::string payload);
  void refuse(const OutgoingMessage& message, const Error& error);
  Result<OutgoingMessage> decode(WebSocketOpcode opcode, std::string payload) const;
  void handle_close(const WebSocketEvent& event);

  void queue_control(WebSocketOpcode opcode, std::string_view payload);
  void queue_own_message(std::string_view message_type, std::string_view content);
  void queue_notice(std::string_view text);
  void queue_state(ExecutionState state);
  void announce_state();
  /// Clients are asked which frames they have.
  bool asks() const { return settings_.acknowledgement_delay > std::chrono::steady_clock::duration::zero(); }
  void expect_acknowledgement();
  void ask_with_this_batch();
  void ask_for_acknowledgement();
  void take_acknowledgement(std::string_view payload);
  void note_presence();
  KernelManager::ClientRole role() const;
  void look_at_queue();
  void leave_the_count();
  void watch_draining();
  void cut_off();
  void note_break();
  void end_broken();
  void arm_timer(std::chrono::steady_clock::duration delay);
  void on_timer();
  std::string describe() const;

  ClientSocket socket_;
  std::shared_ptr<KernelManager> kernel_;
  KernelWebSocketClient client_;
  KernelWebSocketSettings settings_;
  std::shared_ptr<Conversation> conversation_;
  std::shared_ptr<ListenerPlace> place_;
  Cursor cursor_;
  std::shared_ptr<BreakingSessions> breaking_sessions_;
  BreakingMessages breaking_;
  Pacer pacer_;
  WebSocketDecoder decoder_;
  asio::steady_timer timer_;
  asio::steady_timer pace_timer_;
  asio::steady_timer acknowledgement_timer_;
  asio::steady_timer drain_timer_;
  /// Whether the client has been asked which frames it has, or will be once the timer ends.
  enum class Question { none, due, asked };
  Question question_ = Question::none;
  std::string question_frame_;        // While it is written.
  FrameNumber after_restarting_ = 0;  // The one after the last `restarting`.
  bool at_rest_ = false;   // The last frame was the end of a request, or a restart, and nothing follows yet.
  bool draining_ = false;  // The journal is closed, what is left of it is written.
  State state_ = State::open;
  bool peer_closed_ = false;
  std::chrono::steady_clock::time_point last_sign_of_life_;
  std::chrono::steady_clock::time_point last_heard_;
  std::chrono::steady_clock::time_point last_taken_;  // Something of what is sent.
  std::uint64_t queued_bytes_ = 0;                    // Not yet taken by the other side, at the last look;
  std::uint64_t written_bytes_ = 0;                   // written since.
  bool counted_ = true;                               // As one of the kernel's connections.

  std::string queued_control_;                            // Whole control frames.
  std::vector<Message::Pointer> queued_own_;              // Of ours, to this client only.
  ExecutionState told_state_ = ExecutionState::starting;  // What the client takes for the kernel's state.
  std::uint32_t told_epoch_ = 0;
  std::optional<JournalEntry> waiting_;  // Read from the journal, to be collected next.
  bool rendering_ = false;               // It is not ready yet.
  bool writing_ = false;                 // What is collected waits for the socket.
  std::string control_;                  // What is being written:
  std::vector<Message::Pointer> messages_;
  std::vector<asio::const_buffer> buffers_;
  std::size_t written_buffers_ = 0;
};

}  // namespace nextgen_kernels
