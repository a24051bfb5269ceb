#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "runtime/task.h"
#include "runtime/task_group.h"

namespace nextgen_kernels {

/// The accepting end of ZMQ connections for small messages that are answered: what a ROUTER socket is to
/// DEALERs, over `ZmtpDecoder`. Belongs to one executor, on which the handler
/// runs.
///
/// Anybody who can reach the port may connect, so everything is bounded: connections, their lifetime,
/// messages and commands. A peer that breaks the protocol, or says too much, loses its connection.
class ZmqRouter {
 public:
  using Frames = std::vector<std::string>;
  /// The answer to a message, without the identity of the peer; or none.
  using Handler = std::function<std::optional<Frames>(const Frames& message)>;

  static constexpr std::size_t most_connections = 512;
  static constexpr std::size_t largest_message = 64 * 1024;
  static constexpr std::size_t most_frames = 32;
  static constexpr int most_steps = 1000;  ///< Messages and commands of one connection.
  static constexpr std::chrono::seconds connection_lifetime{60};

  /// Listens on a free port of a numeric address.
  static Result<std::unique_ptr<ZmqRouter>> listen(const Executor& executor, const std::string& ip,
                                                   Handler handler);

  ZmqRouter(const ZmqRouter&) = delete;
  ZmqRouter& operator=(const ZmqRouter&) = delete;
  ~ZmqRouter();

  std::uint16_t port() const { return port_; }

 private:
  struct State;
  struct Connection;

  ZmqRouter(const Executor& executor, std::shared_ptr<State> state, std::uint16_t port);
  static Task<void> accept(std::shared_ptr<State> state);
  static Task<void> serve(std::shared_ptr<Connection> connection);
  static Task<void> converse(std::shared_ptr<Connection> connection);

  std::shared_ptr<State> state_;
  std::uint16_t port_;
};

}  // namespace nextgen_kernels
