#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include <boost/asio/ssl/context.hpp>

#include "runtime/task.h"
#include "runtime/task_group.h"
#include "server/http_message.h"

namespace nextgen_kernels {

/// The two ends of a connection within this process.
Result<std::pair<ClientSocket, ClientSocket>> make_socket_pair(const Executor& executor);

/// Speaks TLS with a client and carries its bytes, in plain, over a socket pair to the one who serves it:
/// whoever reads and writes a client's socket knows nothing of TLS. A client that does not read holds up its
/// tunnel, and that the server's end, as it would without TLS.
///
/// Ends when both sides have ended, or `patience` after the server closed its end on a client that takes
/// nothing, and when the client does not finish the handshake within `patience` or before the server closes
/// its end.
Task<void> run_tls_tunnel(std::shared_ptr<boost::asio::ssl::context> context, ClientSocket client,
                          ClientSocket inner, std::chrono::steady_clock::duration patience);

/// The client's side: proves that the server at the other end of `server` is `host`, by the authorities that
/// this machine trusts (SSL_CERT_FILE and SSL_CERT_DIR name others), and goes on in `tunnels`. The plain end.
Task<Result<ClientSocket>> begin_tls(ClientSocket server, std::string host, TaskGroup* tunnels);

}  // namespace nextgen_kernels
