#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "clients/zmq/heartbeat_watch.h"
#include "interfaces/kernel_client.h"
#include "journal/message_sink.h"
#include "runtime/event.h"
#include "runtime/task_group.h"
#include "runtime/zmq_socket.h"
#include "wire/channel.h"
#include "wire/message.h"

namespace nextgen_kernels {

/// The shared client of a kernel that is reached by a Jupyter connection file: five ZMQ sockets, whoever
/// listens.
///
/// Everything received is verified, framed once and given to the sink, the kernel's `Conversation`. What
/// arrives on iopub is taken before the other channels, so that outputs tend to precede the reply of their
/// request. Messages that break the protocol (wrong signature, missing parts) are counted and logged, never
/// delivered.
class JupyterServerKernelClient : public KernelClient {
 public:
  static constexpr std::string_view reference =
      "nextgen_kernels_api.services.kernels.client:JupyterServerKernelClient";

  /// The sink outlives the client. In the place of a message with more than `message_limit_bytes` it gets a
  /// notice that says what that was.
  JupyterServerKernelClient(Executor executor, MessageSink& sink, HeartbeatWatch::Options heartbeat = {},
                            std::size_t message_limit_bytes = std::size_t{512} * 1024 * 1024);
  ~JupyterServerKernelClient() override;

  std::string_view class_reference() const override { return reference; }
  Task<Result<void>> connect(ConnectionInfo info, std::chrono::steady_clock::duration timeout) override;
  nlohmann::json adoption_record() const override;
  Task<Result<Answer>> reconnect(ConnectionInfo info, nlohmann::json record,
                                 std::chrono::steady_clock::duration timeout) override;
  void end_inheritance() override;
  void disconnect() override;
  Result<void> send(const OutgoingMessage& message) override;
  std::size_t unsent_bytes(Channel channel) const override;
  Task<Result<nlohmann::json>> control_request(std::string message_type, nlohmann::json content,
                                               std::chrono::steady_clock::duration timeout) override;
  Task<Result<nlohmann::json>> shell_request(std::string message_type, nlohmann::json content,
                                             std::chrono::steady_clock::duration timeout) override;
  Task<Result<nlohmann::json>> subshell_request(std::string subshell_id, std::string message_type,
                                                nlohmann::json content,
                                                std::chrono::steady_clock::duration timeout) override;
  std::optional<std::chrono::steady_clock::time_point> silent_since() const override;
  const nlohmann::json& kernel_info() const override { return kernel_info_; }

 private:
  struct Connection;
  struct EarlierPeer;
  /// What may be taken at once of what the kernel sent.
  struct Budget {
    int messages;
    std::size_t bytes;

    bool is_spent() const { return messages <= 0 || bytes == 0; }
  };

  Result<std::string> send_request(Channel channel, std::string_view message_type, std::string_view content,
                                   std::string_view subshell_id = {});
  Result<void> open_sockets(const ConnectionInfo& info, const std::vector<std::string>& earlier_identities);
  Task<Result<void>> wait_for_answer(std::chrono::steady_clock::duration timeout);
  Task<Result<Answer>> wait_for_life(std::chrono::steady_clock::duration timeout);
  bool is_answered(const std::string& message_id) const;
  Task<Result<nlohmann::json>> request(Channel channel, std::string subshell_id, std::string message_type,
                                       nlohmann::json content, std::chrono::steady_clock::duration timeout);
  void pump();
  void take_last_words();
  Budget drain(ZmqSocket& socket, Channel channel, Budget budget);
  void receive(Channel channel, std::span<const std::string_view> frames);
  void receive_oversized(Channel channel, std::span<const std::string_view> frames, std::uint64_t size);
  void receive_own(const Message& message);
  void reject(Channel channel, const Error& error);
  void note_life();
  Task<void> beat();

  Executor executor_;
  MessageSink& sink_;
  const HeartbeatWatch::Options heartbeat_;
  const ZmtpLimits limits_;
  /// Of this client's own requests; what answers them is not for listeners. After an adoption, that of the
  /// client before.
  std::string session_;
  std::unique_ptr<Connection> connection_;
  std::uint64_t connection_number_ = 0;  ///< Counts connects and disconnects.
  FrameArena frames_;
  std::unordered_map<std::string, std::optional<nlohmann::json>>
      own_requests_;  ///< By msg_id, with the reply.
  nlohmann::json kernel_info_;
  Event changed_;
  TaskGroup tasks_;
};

}  // namespace nextgen_kernels
