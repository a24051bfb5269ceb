#include "server/tls_tunnel.h"

#include <array>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>

#include "base/log.h"
#include "runtime/event.h"

namespace nextgen_kernels {
namespace {

using namespace boost::asio::experimental::awaitable_operators;
using boost::system::error_code;

// The largest TLS record.
constexpr std::size_t piece_bytes = 16 * 1024;

class TlsTunnel {
 public:
  TlsTunnel(std::shared_ptr<asio::ssl::context> context, ClientSocket client, ClientSocket inner,
            std::chrono::steady_clock::duration patience)
      : context_(std::move(context)),
        client_(std::move(client), *context_),
        inner_(std::move(inner)),
        patience_(patience) {}

  /// Ends with how the handshake went.
  Task<error_code> shake_hands(asio::ssl::stream_base::handshake_type side) {
    const auto [error] = co_await client_.async_handshake(side, no_throw);
    co_return error;
  }

  asio::ssl::stream<ClientSocket>& client() { return client_; }

  /// After the handshake; ends when both sides have ended.
  Task<void> carry() {
    co_await (carry_in() && (carry_out() || cut_off_after_close()));
    close();
  }

  Task<void> serve() {
    const auto shaken =
        co_await (shake_hands(asio::ssl::stream_base::server) || sleep_for(patience_) || end_of_inner());
    const auto* failure = std::get_if<0>(&shaken);
    if (failure != nullptr && !*failure) co_return co_await carry();
    log_debug("A client did not begin TLS: {}", failure == nullptr ? "nothing came" : failure->message());
    close();
  }

  /// Nothing that the system still holds for the client arrives.
  void cut() {
    error_code ignored;
    client_.next_layer().set_option(asio::socket_base::linger(true, 0), ignored);
    close();
  }

 private:
  Task<void> carry_in() {
    std::array<char, piece_bytes> bytes{};
    while (true) {
      const auto [error, count] = co_await client_.async_read_some(asio::buffer(bytes), no_throw);
      if (error) break;
      const auto [failed, written] =
          co_await asio::async_write(inner_, asio::buffer(bytes.data(), count), no_throw);
      if (failed) break;
    }
    // The server's end sees that no more will come; what it still says is carried out.
    error_code ignored;
    inner_.shutdown(ClientSocket::shutdown_send, ignored);
  }

  Task<void> carry_out() {
    std::array<char, piece_bytes> bytes{};
    while (true) {
      const auto [error, count] = co_await inner_.async_read_some(asio::buffer(bytes), no_throw);
      if (error) break;
      const auto [failed, written] =
          co_await asio::async_write(client_, asio::buffer(bytes.data(), count), no_throw);
      if (failed) break;
    }
    // A client sees by this that it has everything. It need not answer.
    co_await (client_.async_shutdown(no_throw) || sleep_for(std::chrono::seconds(1)));
    close();
  }

  /// A client that takes nothing must not keep what the server has given up.
  Task<void> cut_off_after_close() {
    co_await end_of_inner();
    co_await sleep_for(patience_);
    cut();
  }

  /// The server has closed its end.
  Task<void> end_of_inner() { co_await inner_.async_wait(ClientSocket::wait_error, no_throw); }

  void close() {
    error_code ignored;
    client_.next_layer().close(ignored);
    inner_.close(ignored);
  }

  std::shared_ptr<asio::ssl::context> context_;
  asio::ssl::stream<ClientSocket> client_;
  ClientSocket inner_;
  std::chrono::steady_clock::duration patience_;
};

/// Tells a tunnel's end that the tunnel has ended, also when it is cancelled.
class EndNotice {
 public:
  explicit EndNotice(TlsTunnelEnd& end) : end_(end) {}
  EndNotice(const EndNotice&) = delete;
  EndNotice& operator=(const EndNotice&) = delete;
  ~EndNotice() { end_.note_end(); }

 private:
  TlsTunnelEnd& end_;
};

Task<void> carry_on(std::unique_ptr<TlsTunnel> tunnel) {
  co_await tunnel->carry();
}

}  // namespace

Result<std::pair<ClientSocket, ClientSocket>> make_socket_pair(const Executor& executor) {
  using Local = asio::local::stream_protocol::socket;
  Local one(executor);
  Local other(executor);
  error_code error;
  asio::local::connect_pair(one, other, error);
  if (error) return make_error(ErrorCode::io, "Cannot make a socket pair: {}", error.message());
  return std::pair(ClientSocket(std::move(one)), ClientSocket(std::move(other)));
}

void TlsTunnelEnd::cut() {
  is_cut_ = true;
  changed_.notify_all();
}

Task<void> TlsTunnelEnd::wait_for_cut() {
  while (!is_cut_) co_await changed_.wait();
}

void TlsTunnelEnd::note_end() {
  has_ended_ = true;
  changed_.notify_all();
}

Task<void> TlsTunnelEnd::wait() {
  while (!has_ended_) co_await changed_.wait();
}

Task<void> run_tls_tunnel(std::shared_ptr<asio::ssl::context> context, ClientSocket client,
                          ClientSocket inner, std::shared_ptr<TlsTunnelEnd> end,
                          std::chrono::steady_clock::duration patience) {
  const EndNotice notice(*end);
  TlsTunnel tunnel(std::move(context), std::move(client), std::move(inner), patience);
  const auto ended = co_await (tunnel.serve() || end->wait_for_cut());
  if (ended.index() == 1) tunnel.cut();
}

Task<Result<ClientSocket>> begin_tls(ClientSocket server, std::string host, TaskGroup* tunnels) {
  constexpr auto patience = std::chrono::seconds(20);
  auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_client);
  context->set_default_verify_paths();
  context->set_verify_mode(asio::ssl::verify_peer);
  context->set_verify_callback(asio::ssl::host_name_verification(host));
  auto ends = make_socket_pair(server.get_executor());
  if (!ends) co_return std::unexpected(ends.error());
  auto tunnel =
      std::make_unique<TlsTunnel>(std::move(context), std::move(server), std::move(ends->first), patience);
  // Some servers choose their certificate by it.
  SSL_set_tlsext_host_name(tunnel->client().native_handle(), host.c_str());
  if (const auto error = co_await tunnel->shake_hands(asio::ssl::stream_base::client)) {
    co_return make_error(
        ErrorCode::unavailable,
        "No TLS with {}: {}. If its certificate is of an authority of your own, name that in "
        "SSL_CERT_FILE",
        host, error.message());
  }
  tunnels->spawn("TLS tunnel", carry_on(std::move(tunnel)));
  co_return std::move(ends->second);
}

}  // namespace nextgen_kernels
