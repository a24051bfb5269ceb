#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "interfaces/connection_info.h"
#include "journal/conversation.h"
#include "runtime/task.h"
#include "wire/channel.h"
#include "wire/outgoing_message.h"

namespace nextgen_kernels {

/// Talks to one kernel on behalf of all its listeners: puts everything it receives into the kernel's
/// `Conversation`, sends what it is given. Owned by the kernel's manager for the kernel's life; runs on the
/// kernel's executor.
class KernelClient {
 public:
  virtual ~KernelClient() = default;

  /// The class reference it is registered under, `module:Class`.
  virtual std::string_view class_reference() const = 0;

  /// Opens new connections, after closing the ones it had, and ends when the kernel has proven that it
  /// answers and that what it publishes arrives. May be cancelled. Fails when fields are missing in `info`
  /// (names them, never values), when the kernel answers with wrong signatures, or with `timeout` when
  /// nothing came in time.
  virtual Task<Result<void>> connect(ConnectionInfo info, std::chrono::steady_clock::duration timeout) = 0;

  /// What the client of the server after this one must know, so that answers to what was asked through this
  /// one reach it: a JSON object, or null. Of an open connection; kept on disk.
  virtual nlohmann::json adoption_record() const { return nullptr; }

  /// `connect` for a kernel that was in use before, and may be busy for hours: how much of an answer came in
  /// `timeout`. Fails when there was no sign of life, or one that is not of this kernel. `record` is the
  /// `adoption_record` of the client before.
  enum class Answer {
    complete,  ///< It takes requests now.
    alive,     ///< It runs; a request on the shell channel waits.
  };
  virtual Task<Result<Answer>> reconnect(ConnectionInfo info, nlohmann::json record,
                                         std::chrono::steady_clock::duration timeout) {
    (void)record;
    auto connected = co_await connect(info, timeout);
    if (!connected) co_return std::unexpected(connected.error());
    co_return Answer::complete;
  }

  /// Whatever was asked through clients before this one has been answered: the next one need not know of
  /// them.
  virtual void end_inheritance() {}

  /// Closes the connections; a `connect` or `control_request` under way ends with an error. `connect` may be
  /// called again.
  virtual void disconnect() = 0;

  /// Signs and sends a listener's message. Needs a connection.
  virtual Result<void> send(const OutgoingMessage& message) = 0;

  /// What was sent on a channel and waits in this program until the kernel reads on. 0 for clients that do
  /// not know.
  virtual std::size_t unsent_bytes(Channel /*channel*/) const { return 0; }

  /// Sends a request of the server's own on the control channel and ends with the content of the reply.
  /// The reply does not enter the journal.
  virtual Task<Result<nlohmann::json>> control_request(std::string message_type, nlohmann::json content,
                                                       std::chrono::steady_clock::duration timeout) = 0;

  /// The same on the shell channel, behind what was sent there before.
  virtual Task<Result<nlohmann::json>> shell_request(std::string message_type, nlohmann::json content,
                                                     std::chrono::steady_clock::duration timeout) = 0;

  /// The same in a subshell (JEP 91). Clients that cannot do it fail with `invalid_argument`.
  virtual Task<Result<nlohmann::json>> subshell_request(std::string subshell_id, std::string /*message_type*/,
                                                        nlohmann::json /*content*/,
                                                        std::chrono::steady_clock::duration /*timeout*/) {
    co_return make_error(ErrorCode::invalid_argument, "{} sends nothing to subshell {}", class_reference(),
                         subshell_id);
  }

  /// Since when the kernel has said nothing, when it no longer answers; its process may run all the same.
  virtual std::optional<std::chrono::steady_clock::time_point> silent_since() const { return std::nullopt; }

  /// Called when `silent_since` begins or ceases to have a value.
  std::function<void()> on_liveness_change;

  /// Content of the `kernel_info_reply` that `connect` got; null before.
  virtual const nlohmann::json& kernel_info() const = 0;
};

}  // namespace nextgen_kernels
