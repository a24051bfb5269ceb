#include "server/http_server.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <sys/stat.h>

#include "base/log.h"
#include "server/client_address.h"
#include "server/http_connection.h"
#include "server/tls_tunnel.h"

namespace nextgen_kernels {
namespace {

using asio::ip::tcp;

constexpr int backlog = 1024;

Result<asio::ip::address> parse_address(const std::string& ip) {
  if (ip.empty() || ip == "*") return asio::ip::address_v4::any();
  if (ip == "localhost") return asio::ip::address_v4::loopback();
  boost::system::error_code error;
  const auto address = asio::ip::make_address(ip, error);
  if (error) {
    return make_error(
        ErrorCode::invalid_argument,
        "'{}' is not an IP address to listen on: give one of this machine's, 127.0.0.1 for this "
        "machine only, or 0.0.0.0 for every network",
        ip);
  }
  return address;
}

std::unexpected<Error> bind_error(const std::string& ip, std::uint16_t port,
                                  const boost::system::error_code& error) {
  if (error == asio::error::address_in_use) {
    return make_error(ErrorCode::already_exists,
                      "Port {} on {} is taken by another program: choose another with --ServerApp.port=N "
                      "(0 takes a free one), or end that program",
                      port, ip);
  }
  if (error == asio::error::access_denied) {
    return make_error(ErrorCode::permission_denied,
                      "No permission to listen on port {} of {}: choose a port from 1024 on", port, ip);
  }
  if (error.value() == EADDRNOTAVAIL)
    return make_error(ErrorCode::invalid_argument, "{} is not an address of this machine", ip);
  return make_error(ErrorCode::io, "Cannot listen on port {} of {}: {}", port, ip, error.message());
}

/// Who is at the other end.
std::string client_of(const ClientSocket& socket) {
  boost::system::error_code error;
  const auto peer = socket.remote_endpoint(error);
  tcp::endpoint endpoint;
  if (error || peer.size() > endpoint.capacity()) return {};
  std::memcpy(endpoint.data(), peer.data(), peer.size());
  return client_name(endpoint.address());
}

/// Whether a client could not be accepted because of something between it and this machine (accept(2)): the
/// next one need not wait.
bool is_of_the_client(const boost::system::error_code& error) {
  constexpr std::array errors = {ENETDOWN, EPROTO,       ENOPROTOOPT, EHOSTDOWN,
                                 ENONET,   EHOSTUNREACH, EOPNOTSUPP,  ENETUNREACH};
  return std::ranges::find(errors, error.value()) != errors.end();
}

/// Removes the socket of a server that has gone: nobody answers there.
Result<void> make_way(const Executor& executor, const std::filesystem::path& path) {
  using Local = asio::local::stream_protocol;
  std::error_code ignored;
  const auto status = std::filesystem::symlink_status(path, ignored);
  if (!std::filesystem::exists(status)) return {};
  if (status.type() != std::filesystem::file_type::socket) {
    return make_error(ErrorCode::already_exists,
                      "{} is there already and is no socket: choose another with --ServerApp.sock=…",
                      path.native());
  }
  Local::socket probe(executor);
  boost::system::error_code error;
  probe.connect(Local::endpoint(path.native()), error);
  if (error == asio::error::connection_refused) {
    std::filesystem::remove(path, ignored);
    return {};
  }
  return make_error(ErrorCode::already_exists,
                    "The socket {} is taken by another program: choose another with --ServerApp.sock=…, or "
                    "end that program",
                    path.native());
}

}  // namespace

/// A connection that has a place in the server, from when its client is accepted until it has ended, with its
/// TLS tunnel, or has become a WebSocket.
class HttpServer::Connection : public HttpConnection {
 public:
  /// `tunnel`: what carries it; nothing without TLS.
  Connection(HttpServer& server, ClientSocket socket, std::string client,
             std::shared_ptr<TlsTunnelEnd> tunnel)
      : HttpConnection(std::move(socket), {.client = std::move(client), .is_https = tunnel != nullptr},
                       server.service_, server.limits_, server.room_),
        leaving_{server.room_.changed},
        place_(server.room_.connections.take()),
        tunnel_(std::move(tunnel)),
        membership_(server.connections_, *this) {}

  /// Ends when the place is free again.
  Task<void> run() {
    const auto ended = co_await serve();
    // What the tunnel still carries to a client takes up descriptors, too.
    if (ended == End::closed && tunnel_ != nullptr) co_await tunnel_->wait();
  }

  bool may_be_evicted() const { return place_ && standing() != Standing::busy; }

  /// Ends at once, whatever is under way, and gives up its place.
  void evict() {
    place_.reset();
    close();
    if (tunnel_ != nullptr) tunnel_->cut();
  }

 private:
  /// Tells those who wait for room once the place is free.
  struct NotifyAtEnd {
    Event& changed;
    ~NotifyAtEnd() { changed.notify_all(); }
  };

  NotifyAtEnd leaving_;
  std::optional<Seat> place_;
  std::shared_ptr<TlsTunnelEnd> tunnel_;
  StableList<Connection>::Membership membership_;
};

HttpServer::HttpServer(Executor executor, HttpService& service, HttpLimits limits,
                       std::optional<TlsCertificate> certificate)
    : executor_(std::move(executor)),
      service_(service),
      limits_(limits),
      certificate_(std::move(certificate)),
      room_{.connections = Seats(0), .waiting = Seats(limits_.waiting_requests), .changed = Event(executor_)},
      accept_tasks_(executor_),
      connection_tasks_(executor_),
      stop_tasks_(executor_) {}

HttpServer::~HttpServer() = default;

Result<std::uint16_t> HttpServer::bind(const std::string& ip, std::uint16_t port) {
  const auto address = parse_address(ip);
  if (!address) return std::unexpected(address.error());
  const tcp::endpoint endpoint(*address, port);
  const auto shown_ip = address->to_string();
  tcp::acceptor acceptor(executor_);
  boost::system::error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (error) return bind_error(shown_ip, port, error);
  acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (error) return bind_error(shown_ip, port, error);
  acceptor.bind(endpoint, error);
  if (error) return bind_error(shown_ip, port, error);
  acceptor.listen(backlog, error);
  if (error) return bind_error(shown_ip, port, error);
  const auto bound = acceptor.local_endpoint(error);
  if (error) return bind_error(shown_ip, port, error);
  listeners_.push_back({Acceptor(std::move(acceptor))});
  return bound.port();
}

Result<void> HttpServer::bind_unix(const std::filesystem::path& path, std::filesystem::perms permissions) {
  using Local = asio::local::stream_protocol;
  const auto fail = [&path](const boost::system::error_code& error) {
    return make_error(ErrorCode::io, "Cannot listen on the socket {}: {}", path.native(), error.message());
  };
  if (path.native().size() >= sizeof(sockaddr_un::sun_path)) {
    return make_error(ErrorCode::invalid_argument,
                      "The path of the socket {} is too long: {} bytes are possible", path.native(),
                      sizeof(sockaddr_un::sun_path) - 1);
  }
  const Local::endpoint endpoint(path.native());
  if (auto free = make_way(executor_, path); !free) return free;
  Acceptor acceptor(executor_);
  boost::system::error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (error) return fail(error);
  {
    // Nobody can connect before it has its permissions: it is born without any.
    const auto usual = ::umask(0777);
    acceptor.bind(endpoint, error);
    ::umask(usual);
  }
  if (error) return fail(error);
  std::error_code refused;
  std::filesystem::permissions(path, permissions, refused);
  if (refused) return fail(refused);
  acceptor.listen(backlog, error);
  if (error) return fail(error);
  listeners_.push_back({.acceptor = std::move(acceptor), .is_tcp = false, .file = path});
  return {};
}

void HttpServer::run() {
  for (auto& listener : listeners_) accept_tasks_.spawn("accept connections", accept_from(&listener));
}

Task<void> HttpServer::accept_from(Listener* listener) {
  while (!stopping_) {
    auto [error, socket] = co_await listener->acceptor.async_accept(no_throw);
    if (stopping_ || error == asio::error::operation_aborted) co_return;
    if (error) {
      co_await wait_out(listener, error);
      continue;
    }
    co_await make_room();
    if (stopping_) co_return;
    admit(std::move(socket), listener->is_tcp);
  }
}

/// After a client could not be accepted.
Task<void> HttpServer::wait_out(Listener* listener, boost::system::error_code error) {
  if (DescriptorShortage::causes(error)) {
    shortage_.note(fmt::format("A connection cannot be accepted: {}", error.message()));
    // The system says so also when nobody waits, for whom somebody would have to go.
    co_await listener->acceptor.async_wait(Acceptor::wait_read, no_throw);
    if (stopping_ || evict_somebody()) co_return;
  } else {
    log_debug("A connection cannot be accepted: {}", error.message());
    if (is_of_the_client(error)) co_return;
  }
  co_await room_.changed.wait_until(std::chrono::steady_clock::now() + std::chrono::milliseconds(100));
}

Task<void> HttpServer::make_room() {
  while (!stopping_ && room_.connections.taken() >= limits_.connections + room_.waiting.taken()) {
    if (!evict_somebody()) co_await room_.changed.wait();
  }
  // One comes, so that one has to go.
  if (shortage_.look()) evict_somebody();
}

/// False when there is nobody who may be.
bool HttpServer::evict_somebody() {
  Connection* first = nullptr;
  const auto goes_before = [](const Connection& one, const Connection& other) {
    return std::pair(one.standing(), one.standing_since()) <
           std::pair(other.standing(), other.standing_since());
  };
  connections_.for_each([&](Connection& connection) {
    if (!connection.may_be_evicted()) return;
    if (first == nullptr || goes_before(connection, *first)) first = &connection;
  });
  if (first == nullptr) return false;
  first->evict();
  return true;
}

void HttpServer::admit(ClientSocket socket, bool is_tcp) {
  boost::system::error_code ignored;
  if (is_tcp) socket.set_option(tcp::no_delay(true), ignored);
  auto client = is_tcp ? client_of(socket) : std::string();
  std::shared_ptr<TlsTunnelEnd> tunnel;
  if (is_tcp && certificate_) {
    auto ends = make_socket_pair(executor_);
    if (!ends) return shortage_.note(ends.error().message);
    tunnel = std::make_shared<TlsTunnelEnd>(executor_);
    connection_tasks_.spawn("TLS tunnel",
                            run_tls_tunnel(certificate_->current(), std::move(socket), std::move(ends->first),
                                           tunnel, limits_.header_timeout));
    socket = std::move(ends->second);
  }
  connection_tasks_.spawn(
      "HTTP connection",
      serve(std::make_unique<Connection>(*this, std::move(socket), std::move(client), std::move(tunnel))));
}

Task<void> HttpServer::serve(std::unique_ptr<Connection> connection) {
  if (!stopping_) co_await connection->run();
}

Task<void> HttpServer::stop(std::chrono::steady_clock::duration grace) {
  stopping_ = true;
  for (auto& listener : listeners_) {
    boost::system::error_code ignored;
    listener.acceptor.close(ignored);
    std::error_code gone;
    if (!listener.file.empty()) std::filesystem::remove(listener.file, gone);
  }
  room_.changed.notify_all();
  accept_tasks_.cancel();
  co_await accept_tasks_.join();
  connections_.for_each([](Connection& connection) { connection.finish(); });

  stop_tasks_.spawn("end HTTP connections", close_connections_after(grace));
  co_await connection_tasks_.join();
  stop_tasks_.cancel();
  co_await stop_tasks_.join();
}

Task<void> HttpServer::close_connections_after(std::chrono::steady_clock::duration grace) {
  co_await sleep_for(grace);
  connections_.for_each([](Connection& connection) { connection.close(); });
  connection_tasks_.cancel();
}

}  // namespace nextgen_kernels
