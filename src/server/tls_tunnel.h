#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include <boost/asio/ssl/context.hpp>

#include "runtime/event.h"
#include "runtime/task.h"
#include "runtime/task_group.h"
#include "server/http_message.h"

namespace nextgen_kernels {

/// The two ends of a connection within this process.
Result<std::pair<ClientSocket, ClientSocket>> make_socket_pair(const Executor& executor);

/// What is known of a tunnel at the server's end of it. Shared with the tunnel; on the server's executor.
class TlsTunnelEnd {
 public:
  explicit TlsTunnelEnd(const Executor& executor) : changed_(executor) {}

  /// The tunnel ends now; what is still in it is lost.
  void cut();
  /// Ends when it has been cut.
  Task<void> wait_for_cut();

  /// The tunnel has ended.
  void note_end();
  /// Ends when the tunnel has.
  Task<void> wait();

 private:
  Event changed_;
  bool is_cut_ = false;
  bool has_ended_ = false;
};

/// Speaks TLS with a client and carries its bytes, in plain, over a socket pair to the one who serves it:
/// whoever reads and writes a client's socket knows nothing of TLS. A client that does not read holds up its
/// tunnel, and that the server's end, as it would without TLS.
///
/// Ends when both sides have ended, or `patience` after the server closed its end on a client that takes
/// nothing, and when the client does not finish the handshake within `patience` or before the server closes
/// its end. At once when `end` is cut; it is told when the tunnel has ended, however that comes.
Task<void> run_tls_tunnel(std::shared_ptr<boost::asio::ssl::context> context, ClientSocket client,
                          ClientSocket inner, std::shared_ptr<TlsTunnelEnd> end,
                          std::chrono::steady_clock::duration patience);

/// The client's side: proves that the server at the other end of `server` is `host`, by the authorities that
/// this machine trusts (SSL_CERT_FILE and SSL_CERT_DIR name others), and goes on in `tunnels`. The plain end.
Task<Result<ClientSocket>> begin_tls(ClientSocket server, std::string host, TaskGroup* tunnels);

}  // namespace nextgen_kernels
