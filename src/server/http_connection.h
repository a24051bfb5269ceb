#pragma once

#include <chrono>
#include <optional>

#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "runtime/task.h"
#include "server/http_message.h"

namespace nextgen_kernels {

class HttpService;
struct ConnectionRoom;
struct HttpLimits;

/// One client's connection: reads requests, answers them in order, until one side ends it or it is upgraded.
/// Owned by the coroutine that calls `serve`; belongs to the server's executor.
class HttpConnection {
 public:
  /// Who is at the other end, and how; see the members of the same names in `HttpRequest`.
  struct Peer {
    std::string client = {};
    bool is_https = false;
  };

  HttpConnection(ClientSocket socket, Peer peer, HttpService& service, const HttpLimits& limits,
                 ConnectionRoom& room);
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;
  ~HttpConnection() = default;

  enum class End {
    closed,
    upgraded,  ///< Handed to the one who upgraded it.
  };
  /// Ends when the connection has.
  Task<End> serve();

  /// No further request: closes now when idle, else after the response under way.
  void finish();

  /// Closes now.
  void close();

  /// Whether the connection may be closed to make room for another client.
  enum class Standing {
    stranger,  ///< At any time: its client has shown no credentials, or none with its last request.
    idle,      ///< Rather than somebody's request: its client has shown some, and no request is under way.
    busy,      ///< No.
  };
  Standing standing() const { return standing_; }
  std::chrono::steady_clock::time_point standing_since() const { return standing_since_; }

 private:
  class BodyWriter;
  using Parser = http::request_parser<http::string_body>;

  /// `linger`: closes, but not before the client has seen the response, although it sent more than was read.
  enum class Next { request, close, linger, upgraded };

  Task<bool> wait_for_request();
  Task<Next> serve_request();
  Task<std::optional<HttpResponse>> read_body(Parser* parser, HttpRequest* request);
  HttpResponse refuse_to_wait() const;
  HttpResponse refuse_body(std::uint64_t limit) const;
  Task<HttpResponse> respond(HttpRequest request);
  Task<Next> write(HttpResponse response, Next next);
  Task<Next> write_stream(HttpResponse response, Next next);
  Task<Next> write_body(HttpBodyStream body, Next next);
  Task<void> watch_client(std::shared_ptr<BodyWriter> writer);
  Task<void> linger();
  void set_standing(Standing standing);

  /// What of the request under way the response's head depends on.
  struct RequestShape {
    std::string method;
    std::string path;
    unsigned version = 11;
    bool is_head = false;
    std::chrono::steady_clock::time_point started;
  };

  Peer peer_;
  HttpService& service_;
  const HttpLimits& limits_;
  ConnectionRoom& room_;
  boost::beast::basic_stream<boost::asio::generic::stream_protocol> stream_;
  boost::beast::flat_buffer buffer_;
  RequestShape shape_;
  Standing standing_ = Standing::stranger;
  std::chrono::steady_clock::time_point standing_since_;
  std::chrono::steady_clock::time_point head_deadline_;
  bool is_first_request_ = true;
  bool is_closed_ = false;
  bool idle_ = true;
  bool finishing_ = false;
};

}  // namespace nextgen_kernels
