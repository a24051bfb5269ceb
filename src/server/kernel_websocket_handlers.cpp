#include "server/kernel_websocket_handlers.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/random.h"
#include "server/websocket_handshake.h"

namespace nextgen_kernels {
namespace {

// More than one page seldom loses its socket at once; each keeps a part of the journal in memory.
constexpr auto absent_sessions_per_kernel = 8;

/// What may be a ZMQ identity elsewhere, and is shown in logs.
bool is_session_id(std::string_view text) {
  return text.size() <= 255 && std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

}  // namespace

/// A session without a socket: where it stands, until it comes back, its time has passed, or the kernel is
/// gone.
class KernelWebSocketHandlers::AbsentSession final : private JournalListener {
 public:
  AbsentSession(KernelWebSocketHandlers& handlers, const KernelWebSocket& socket,
                std::unique_ptr<SessionCursor> cursor)
      : handlers_(handlers),
        kernel_id_(socket.kernel_id()),
        session_id_(socket.client().session_id),
        cursor_(std::move(cursor)),
        forgotten_at_(std::chrono::steady_clock::now() + handlers.settings_.reconnect_time) {
    cursor_->set_listener(this);
  }

  bool is_of(const std::string& kernel_id) const { return kernel_id_ == kernel_id; }
  bool is(const std::string& kernel_id, const std::string& session_id) const {
    return kernel_id_ == kernel_id && session_id_ == session_id;
  }
  std::chrono::steady_clock::time_point forgotten_at() const { return forgotten_at_; }

  std::unique_ptr<SessionCursor> take_cursor() {
    cursor_->set_listener(nullptr);
    return std::move(cursor_);
  }

 private:
  void on_journal_activity() override {
    if (!cursor_->journal_closed()) return;
    handlers_.absent_sessions_.remove_if([this](const AbsentSession& other) { return &other == this; });
  }

  KernelWebSocketHandlers& handlers_;
  std::string kernel_id_;
  std::string session_id_;
  std::unique_ptr<SessionCursor> cursor_;
  std::chrono::steady_clock::time_point forgotten_at_;
};

KernelWebSocketHandlers::KernelWebSocketHandlers(Executor executor, MultiKernelManager& kernels,
                                                 const OriginPolicy& origins,
                                                 KernelWebSocketSettings settings)
    : kernels_(kernels), origins_(origins), settings_(settings), socket_ended_(executor), tasks_(executor) {}

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
  client.may_come_back = !client.session_id.empty();
  if (client.session_id.empty()) client.session_id = random_uuid();

  auto accepted = accept_websocket(request);
  if (!accepted) co_return std::move(accepted.error());
  if (request.header_lists("Sec-WebSocket-Protocol", v1_subprotocol)) {
    client.protocol = KernelWebSocketProtocol::v1;
    accepted->headers.set(http::field::sec_websocket_protocol, v1_subprotocol);
  }
  if (client.protocol == KernelWebSocketProtocol::legacy) {
    // As Jupyter Server does: its gateway client (nbclient and papermill use it) takes a kernel for broken
    // when the first reply takes longer than a second, so it must not be let in before the kernel answers.
    const auto answers_or_dead = co_await (*kernel)->wait_until_ready();
    if (!answers_or_dead) log_debug("WebSocket: {}", answers_or_dead.error().message);
  }
  accepted->upgrade = [this, kernel = std::move(*kernel), client = std::move(client)](TcpSocket tcp,
                                                                                      std::string received) {
    adopt(std::move(tcp), received, kernel, client);
  };
  co_return std::move(*accepted);
}

void KernelWebSocketHandlers::adopt(TcpSocket tcp, const std::string& received,
                                    std::shared_ptr<KernelManager> kernel, KernelWebSocketClient client) {
  auto cursor = find_cursor(*kernel, client.session_id);
  const auto socket = std::make_shared<KernelWebSocket>(std::move(tcp), std::move(kernel), std::move(client),
                                                        std::move(cursor), settings_);
  sockets_.emplace(socket.get(), socket);
  socket->on_ended = [this](KernelWebSocket& ended, std::unique_ptr<SessionCursor> left) {
    remove(ended, std::move(left));
  };
  socket->start(received);
  if (closing_) socket->close(websocket_close::service_restart, "The server is shutting down");
}

/// Where an absent session stands, or the end of the journal.
std::unique_ptr<SessionCursor> KernelWebSocketHandlers::find_cursor(const KernelManager& kernel,
                                                                    const std::string& session_id) {
  const auto absent = std::ranges::find_if(
      absent_sessions_, [&](const auto& session) { return session.is(kernel.kernel_id(), session_id); });
  if (absent == absent_sessions_.end())
    return std::make_unique<SessionCursor>(kernel.conversation(), session_id);
  auto cursor = absent->take_cursor();
  absent_sessions_.erase(absent);
  return cursor;
}

void KernelWebSocketHandlers::remove(KernelWebSocket& socket, std::unique_ptr<SessionCursor> cursor) {
  const auto kept = std::move(sockets_.extract(&socket).mapped());
  socket_ended_.notify_all();
  keep(socket, std::move(cursor));
}

void KernelWebSocketHandlers::keep(const KernelWebSocket& socket, std::unique_ptr<SessionCursor> cursor) {
  if (closing_ || cursor->journal_closed() || !socket.client().may_come_back) return;
  // The session has another socket, and what it reads there need not be read again.
  if (std::ranges::any_of(sockets_, [&socket](const auto& other) {
        return other.first->kernel_id() == socket.kernel_id() &&
               other.first->client().session_id == socket.client().session_id;
      }))
    return;
  const auto of_this_kernel = [&socket](const auto& session) { return session.is_of(socket.kernel_id()); };
  if (std::ranges::count_if(absent_sessions_, of_this_kernel) >= absent_sessions_per_kernel)
    absent_sessions_.erase(std::ranges::find_if(absent_sessions_, of_this_kernel));
  absent_sessions_.emplace_back(*this, socket, std::move(cursor));
  if (std::exchange(forgetting_, true)) return;
  tasks_.spawn("forget absent sessions", forget_absent_sessions());
}

Task<void> KernelWebSocketHandlers::forget_absent_sessions() {
  while (!absent_sessions_.empty()) {
    const auto now = std::chrono::steady_clock::now();
    const auto next = absent_sessions_.front().forgotten_at();
    if (next <= now)
      absent_sessions_.pop_front();
    else
      co_await sleep_for(next - now);
  }
  forgetting_ = false;
}

Task<void> KernelWebSocketHandlers::close_all(std::uint16_t code, std::string reason) {
  closing_ = true;
  absent_sessions_.clear();
  std::vector<std::shared_ptr<KernelWebSocket>> sockets;
  for (const auto& [key, socket] : sockets_) sockets.push_back(socket);
  for (const auto& socket : sockets) socket->close(code, reason);
  sockets.clear();
  while (!sockets_.empty()) co_await socket_ended_.wait();
  tasks_.cancel();
  co_await tasks_.join();
}

}  // namespace nextgen_kernels
