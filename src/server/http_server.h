#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/basic_socket_acceptor.hpp>

#include "base/error.h"
#include "base/stable_list.h"
#include "runtime/event.h"
#include "runtime/task_group.h"
#include "server/descriptor_shortage.h"
#include "server/http_message.h"
#include "server/seats.h"
#include "server/tls_certificate.h"

namespace nextgen_kernels {

/// What clients may cost before they have shown who they are.
struct HttpLimits {
  std::uint32_t header_bytes = 32 * 1024;
  std::uint64_t body_bytes = std::uint64_t{512} << 20;  ///< For routes that take more than usual.
  /// At once; WebSockets and waiting requests are not counted. A further client takes the place of one whose
  /// client has shown no credentials, whatever that one is doing, or else of one without a request under way;
  /// it waits when there is neither. The same goes when file descriptors run out.
  std::size_t connections = 2000;
  std::size_t waiting_requests = 2000;  ///< At once; further ones are refused. See `HttpRequest::waits`.
  /// For the whole head; of the first request, from when the client was accepted.
  std::chrono::steady_clock::duration header_timeout = std::chrono::seconds(20);
  std::chrono::steady_clock::duration body_timeout = std::chrono::seconds(60);   ///< For the whole body.
  std::chrono::steady_clock::duration write_timeout = std::chrono::seconds(60);  ///< For the whole response.
  std::chrono::steady_clock::duration stream_timeout =
      std::chrono::minutes(5);  ///< For one piece of a streamed response.
  std::chrono::steady_clock::duration idle_timeout = std::chrono::seconds(75);  ///< Between two requests.
};

/// What the connections of a server share.
struct ConnectionRoom {
  Seats connections;  ///< Without a bound of their own.
  Seats waiting;      ///< Of requests that wait.
  Event changed;      ///< There may be room for another one.
};

/// Answers requests. Called on the server's executor, for several requests at a time.
class HttpService {
 public:
  /// Looks at a request whose body has not been read yet: the answer when it can be given without the body,
  /// or nothing, to go on.
  virtual std::optional<HttpResponse> screen(HttpRequest& head) = 0;

  virtual Task<HttpResponse> respond(HttpRequest request) = 0;

 protected:
  ~HttpService() = default;
};

/// HTTP/1.1 over TCP, with TLS when it has a certificate, and over Unix-domain sockets: accepts connections
/// and passes their requests, one after the other, to the service. Belongs to one executor. Life: `bind` (one
/// or more times), `run`, `stop`; the service outlives `stop`.
class HttpServer {
 public:
  /// With a certificate, clients that come over TCP must speak TLS.
  HttpServer(Executor executor, HttpService& service, HttpLimits limits,
             std::optional<TlsCertificate> certificate = std::nullopt);
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  ~HttpServer();

  /// Listens on an address ("127.0.0.1", "::1", "localhost"; "", "*" and "0.0.0.0" mean every one) and a
  /// port; 0 takes a free one. Ends with the port. Fails with `already_exists` when the port is taken.
  Result<std::uint16_t> bind(const std::string& ip, std::uint16_t port);

  /// Listens on a Unix-domain socket with these permissions. What is left of a server that has gone is
  /// replaced; fails with `already_exists` when one still listens there, or when it is another kind of file.
  /// The file is removed by `stop`.
  Result<void> bind_unix(const std::filesystem::path& path, std::filesystem::perms permissions);

  /// Begins to accept connections.
  void run();

  /// Refuses new connections and requests at once, lets requests under way finish within `grace`, then closes
  /// all.
  Task<void> stop(std::chrono::steady_clock::duration grace);

 private:
  class Connection;
  using Acceptor = asio::basic_socket_acceptor<asio::generic::stream_protocol>;
  struct Listener {
    Acceptor acceptor;
    bool is_tcp = true;
    std::filesystem::path file = {};  // Of a Unix-domain socket.
  };

  Task<void> accept_from(Listener* listener);
  Task<void> make_room();
  Task<void> wait_out(Listener* listener, boost::system::error_code error);
  bool evict_somebody();
  void admit(ClientSocket socket, bool is_tcp);
  Task<void> serve(std::unique_ptr<Connection> connection);
  Task<void> close_connections_after(std::chrono::steady_clock::duration grace);

  Executor executor_;
  HttpService& service_;
  HttpLimits limits_;
  std::optional<TlsCertificate> certificate_;
  std::list<Listener> listeners_;
  ConnectionRoom room_;
  StableList<Connection> connections_;
  DescriptorShortage shortage_;
  bool stopping_ = false;
  TaskGroup accept_tasks_;
  TaskGroup connection_tasks_;
  TaskGroup stop_tasks_;
};

}  // namespace nextgen_kernels
