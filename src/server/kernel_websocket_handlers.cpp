#include "server/kernel_websocket_handlers.h"

#include <algorithm>
#include <vector>

#include "base/random.h"
#include "server/websocket_handshake.h"

namespace nextgen_kernels {
namespace {

/// What may be a ZMQ identity elsewhere, and is shown in logs.
bool is_session_id(std::string_view text) {
  return text.size() <= 255 && std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

}  // namespace

KernelWebSocketHandlers::KernelWebSocketHandlers(Executor executor, MultiKernelManager& kernels,
                                                 const OriginPolicy& origins,
                                                 KernelWebSocketSettings settings)
    : kernels_(kernels), origins_(origins), settings_(settings), socket_ended_(std::move(executor)) {}

KernelWebSocketHandlers::~KernelWebSocketHandlers() {
  const auto sockets = std::move(sockets_);
  for (const auto& [key, socket] : sockets) {
    socket->on_ended = nullptr;
    socket->end();
  }
}

void KernelWebSocketHandlers::add_routes(Router& router) {
  router.add(http::verb::get, "/api/kernels/{kernel_id}/channels",
             [this](HttpRequest request) { return open(std::move(request)); });
}

Task<Result<HttpResponse>> KernelWebSocketHandlers::open(HttpRequest request) {
  auto kernel = kernels_.get_kernel(request.parameter("kernel_id"));
  if (!kernel) co_return std::unexpected(kernel.error());
  if (closing_) co_return make_error(ErrorCode::unavailable, "The server is shutting down");
  if (const auto allowed = origins_.check_origin(request); !allowed)
    co_return std::unexpected(allowed.error());
  KernelWebSocketClient client;
  client.session_id = request.query_value("session_id").value_or("");
  if (!is_session_id(client.session_id)) {
    co_return make_error(ErrorCode::invalid_argument,
                         "session_id must be at most 255 visible ASCII characters");
  }
  if (client.session_id.empty()) client.session_id = random_uuid();

  auto accepted = accept_websocket(request);
  if (!accepted) co_return std::move(accepted.error());
  if (request.header_lists("Sec-WebSocket-Protocol", v1_subprotocol)) {
    client.protocol = KernelWebSocketProtocol::v1;
    accepted->headers.set(http::field::sec_websocket_protocol, v1_subprotocol);
  }
  accepted->upgrade = [this, kernel = std::move(*kernel), client = std::move(client)](TcpSocket tcp,
                                                                                      std::string received) {
    adopt(std::move(tcp), received, kernel, client);
  };
  co_return std::move(*accepted);
}

void KernelWebSocketHandlers::adopt(TcpSocket tcp, const std::string& received,
                                    std::shared_ptr<KernelManager> kernel, KernelWebSocketClient client) {
  const auto socket =
      std::make_shared<KernelWebSocket>(std::move(tcp), std::move(kernel), std::move(client), settings_);
  sockets_.emplace(socket.get(), socket);
  socket->on_ended = [this](KernelWebSocket& ended) {
    sockets_.erase(&ended);
    socket_ended_.notify_all();
  };
  socket->start(received);
  if (closing_) socket->close(websocket_close::service_restart, "The server is shutting down");
}

Task<void> KernelWebSocketHandlers::close_all(std::uint16_t code, std::string reason) {
  closing_ = true;
  std::vector<std::shared_ptr<KernelWebSocket>> sockets;
  for (const auto& [key, socket] : sockets_) sockets.push_back(socket);
  for (const auto& socket : sockets) socket->close(code, reason);
  sockets.clear();
  while (!sockets_.empty()) co_await socket_ended_.wait();
}

}  // namespace nextgen_kernels
