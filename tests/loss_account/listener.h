#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "../../benchmarks/relay/tcp_socket.h"

namespace nextgen_kernels::loss_account {

using Clock = std::chrono::steady_clock;

struct Target {
  std::uint16_t port = 0;
  std::string kernel_id;
  std::string token;
};

/// The numbered messages that came, in one row over all connections of a listener.
struct Account {
  std::uint64_t received = 0;
  std::uint64_t next = 0;
  std::uint64_t lost = 0;        ///< Numbers left out, and numbers that did not come up to the end.
  std::uint64_t duplicated = 0;  ///< Numbers that came before.
  std::uint64_t notices = 0;     ///< Of the server, on standard error.
  std::uint64_t connections = 0;
  std::uint64_t furthest_behind = 0;  ///< Messages, of another listener.

  void count(std::uint64_t number);
};

/// A client that counts what it gets, frame by frame, and can be cut off at any byte. It shares no code with
/// the server.
class Listener {
 public:
  Listener(Target target, std::string session);

  /// Connects; from the second time on with `resume_from`, so that what comes follows what came.
  void connect();

  /// Resets the connection, with whatever is under way.
  void cut_off();

  /// Waits for some bytes and counts the messages in them. False when the server has closed the connection.
  bool receive_some();

  void execute(std::string_view code);

  std::uint64_t received() const { return account_.received; }
  /// Another listener has so many.
  void note_behind(std::uint64_t other);
  bool has_all(std::uint64_t messages) const { return account_.next >= messages; }
  /// The last word: what did not come is lost.
  const Account& close(std::uint64_t messages);

 private:
  void take(std::string_view bytes);
  void handle_message(std::string_view payload);

  Target target_;
  std::string session_;
  benchmarks::FileDescriptor socket_;
  std::string buffer_;  // Bytes of a frame that has not come completely.
  std::string journal_;
  std::uint64_t next_frame_ = 0;
  Account account_;
};

}  // namespace nextgen_kernels::loss_account
