#include "server/http_connection.h"

#include <array>
#include <exception>
#include <utility>
#include <variant>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/chunk_encode.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/system/system_error.hpp>

#include "base/log.h"
#include "base/strings.h"
#include "runtime/event.h"
#include "server/http_cache.h"
#include "server/http_server.h"

namespace nextgen_kernels {
namespace {

namespace beast = boost::beast;

/// The answer to a request that could not be read; nothing when there is nobody to answer.
std::optional<HttpResponse> answer_read_error(const beast::error_code& error, const HttpLimits& limits) {
  if (error == http::error::header_limit) {
    return error_response(http::status::request_header_fields_too_large,
                          fmt::format("The head of the request exceeds {} bytes", limits.header_bytes));
  }
  if (error == http::error::bad_version)
    return error_response(http::status::http_version_not_supported,
                          "Only HTTP/1.0 and HTTP/1.1 are spoken here");
  if (error == http::error::end_of_stream || error == http::error::partial_message) return std::nullopt;
  if (error.category() == http::make_error_code(http::error::end_of_stream).category())
    return error_response(http::status::bad_request,
                          fmt::format("Malformed HTTP request: {}", error.message()));
  return std::nullopt;
}

/// Whether a comma-separated list ends with this element.
bool is_last(std::string_view list, std::string_view element) {
  return trim(list.substr(list.rfind(',') + 1)) == element;
}

/// The refusal of a request of which it is not certain where its body ends: a proxy before this server might
/// see another end, and pass on as a body what would be taken for a request here, or the reverse (RFC 9112
/// §6.1, §6.3).
std::optional<HttpResponse> refuse_framing(const HttpRequest& request) {
  const auto bad_request = [](std::string_view message) {
    return error_response(http::status::bad_request, message);
  };
  const auto& headers = request.headers;
  const auto lengths = headers.count(http::field::content_length);
  const auto codings = headers.count(http::field::transfer_encoding);
  if (codings == 0) {
    const bool is_list = request.header("Content-Length").contains(',');
    if (lengths < 2 && !is_list) return std::nullopt;
    return bad_request("A request states its Content-Length once");
  }
  if (lengths > 0) return bad_request("A request has a Content-Length or a Transfer-Encoding, not both");
  if (request.version < 11) return bad_request("HTTP/1.0 has no Transfer-Encoding");
  const auto coding = to_lower(trim(request.header("Transfer-Encoding")));
  if (codings == 1 && coding == "chunked") return std::nullopt;
  if (codings > 1 || !is_last(coding, "chunked"))
    return bad_request("A Transfer-Encoding must end with chunked: where the body ends is not certain");
  return error_response(http::status::not_implemented,
                        "The only Transfer-Encoding that is understood here is chunked");
}

bool expects_continue(const HttpRequest& request) {
  return request.header_lists("Expect", "100-continue");
}

/// What the body threw, as a value: `||` would go on waiting for the other side.
Task<std::exception_ptr> run_body(HttpBodyStream body, std::shared_ptr<HttpBodyWriter> writer) {
  try {
    co_await body(std::move(writer));
  } catch (...) {
    co_return std::current_exception();
  }
  co_return nullptr;
}

void fill_head(http::fields& head, const HttpResponse& response) {
  for (const auto& field : response.headers) head.insert(field.name_string(), field.value());
  head.set(http::field::date, format_http_date(std::time(nullptr)));
  head.set(http::field::server, "nextgen-kernels");
}

}  // namespace

/// Writes pieces as chunks (RFC 9112 §7.1), or as they are to a client of HTTP/1.0.
class HttpConnection::BodyWriter final : public HttpBodyWriter {
 public:
  explicit BodyWriter(HttpConnection& connection)
      : connection_(&connection), chunked_(connection.shape_.version >= 11) {}

  Task<Result<void>> write(std::string piece) override {
    if (piece.empty()) co_return Result<void>{};  // An empty chunk would be the last one.
    if (failed_) co_return make_error(ErrorCode::unavailable, "The client is gone");
    auto& stream = connection_->stream_;
    stream.expires_after(connection_->limits_.stream_timeout);
    const auto [error, count] =
        chunked_ ? co_await asio::async_write(stream, http::make_chunk(asio::buffer(piece)), no_throw)
                 : co_await asio::async_write(stream, asio::buffer(piece), no_throw);
    if (!error) co_return Result<void>{};
    failed_ = true;
    co_return make_error(ErrorCode::unavailable, "The client does not take the response: {}",
                         error.message());
  }

  Task<Result<void>> finish() {
    if (failed_) co_return make_error(ErrorCode::unavailable, "The client is gone");
    if (!chunked_) co_return Result<void>{};
    connection_->stream_.expires_after(connection_->limits_.write_timeout);
    const auto [error, count] =
        co_await asio::async_write(connection_->stream_, http::make_chunk_last(), no_throw);
    if (error) co_return make_error(ErrorCode::unavailable, "{}", error.message());
    co_return Result<void>{};
  }

  void note_client_gone() {
    client_is_gone_ = true;
    if (on_client_gone) on_client_gone();
  }

 private:
  HttpConnection* connection_;
  bool chunked_;
  bool failed_ = false;
};

HttpConnection::HttpConnection(ClientSocket socket, Peer peer, HttpService& service, const HttpLimits& limits,
                               ConnectionRoom& room)
    : peer_(std::move(peer)),
      service_(service),
      limits_(limits),
      room_(room),
      stream_(std::move(socket)),
      buffer_(limits.header_bytes + 64 * 1024),
      standing_since_(std::chrono::steady_clock::now()),
      head_deadline_(standing_since_ + limits.header_timeout) {}

void HttpConnection::finish() {
  finishing_ = true;
  if (idle_) close();
}

void HttpConnection::close() {
  is_closed_ = true;
  stream_.close();
}

void HttpConnection::set_standing(Standing standing) {
  if (standing == standing_) return;
  standing_ = standing;
  standing_since_ = std::chrono::steady_clock::now();
  if (standing != Standing::busy) room_.changed.notify_all();
}

Task<HttpConnection::End> HttpConnection::serve() {
  while (!finishing_ && co_await wait_for_request()) {
    const auto next = co_await serve_request();
    if (next == Next::upgraded) co_return End::upgraded;
    if (next == Next::linger) co_await linger();
    if (next != Next::request) break;
  }
  close();
  co_return End::closed;
}

Task<bool> HttpConnection::wait_for_request() {
  const bool is_first = std::exchange(is_first_request_, false);
  if (standing_ == Standing::busy) set_standing(Standing::idle);
  if (buffer_.size() == 0) {
    idle_ = true;
    if (is_first)
      stream_.expires_at(head_deadline_);
    else
      stream_.expires_after(limits_.idle_timeout);
    const auto [error, count] = co_await stream_.async_read_some(buffer_.prepare(4096), no_throw);
    idle_ = false;
    buffer_.commit(count);
    if (error || is_closed_) co_return false;
  }
  if (!is_first) head_deadline_ = std::chrono::steady_clock::now() + limits_.header_timeout;
  co_return true;
}

Task<HttpConnection::Next> HttpConnection::serve_request() {
  Parser parser;
  parser.header_limit(limits_.header_bytes);
  parser.body_limit(boost::none);  // The route says it.
  shape_ = {};
  shape_.started = std::chrono::steady_clock::now();
  stream_.expires_at(head_deadline_);
  const auto [error, count] = co_await http::async_read_header(stream_, buffer_, parser, no_throw);
  // What was closed while its request arrived does not act any more: the client cannot learn what came of it.
  if (is_closed_) co_return Next::close;
  if (error) {
    auto answer = answer_read_error(error, limits_);
    if (!answer) co_return Next::close;
    co_return co_await write(std::move(*answer), Next::linger);
  }

  auto& head = parser.get();
  HttpRequest request;
  request.client = peer_.client;
  request.is_https = peer_.is_https;
  request.method = head.method();
  request.method_name = head.method_string();
  request.version = head.version();
  shape_.method = request.method_name;
  shape_.version = request.version;
  shape_.is_head = request.method == http::verb::head;
  const auto after_response = head.keep_alive() ? Next::request : Next::close;
  if (const auto parsed = parse_target(head.target(), request); !parsed)
    co_return co_await write(error_response(parsed.error()), Next::linger);
  shape_.path = request.path;
  request.headers = std::move(static_cast<http::fields&>(head.base()));
  if (auto refused = refuse_framing(request)) co_return co_await write(std::move(*refused), Next::linger);

  auto answer = service_.screen(request);
  set_standing(request.credential == Credential::none ? Standing::stranger : Standing::busy);
  if (answer) co_return co_await write(std::move(*answer), parser.is_done() ? after_response : Next::linger);
  std::optional<Seat> seat;
  if (request.waits) {
    seat = room_.waiting.take();
    if (!seat) co_return co_await write(refuse_to_wait(), parser.is_done() ? after_response : Next::linger);
    room_.changed.notify_all();
  }
  if (auto refused = co_await read_body(&parser, &request))
    co_return co_await write(std::move(*refused), Next::linger);
  if (is_closed_) co_return Next::close;
  co_return co_await write(co_await respond(std::move(request)), after_response);
}

HttpResponse HttpConnection::refuse_to_wait() const {
  return error_response(http::status::service_unavailable,
                        fmt::format("{} requests wait for what their code gives, and no more may "
                                    "(ServerApp.max_waiting_requests)",
                                    room_.waiting.limit()));
}

HttpResponse HttpConnection::refuse_body(std::uint64_t limit) const {
  return error_response(
      http::status::payload_too_large,
      fmt::format(
          "The body of the request has more than {} bytes, which is the most that {}", limit,
          limit == limits_.body_bytes ? "this server takes (ServerApp.max_body_size)" : "is taken here"));
}

Task<std::optional<HttpResponse>> HttpConnection::read_body(Parser* parser, HttpRequest* request) {
  if (!parser->is_done()) {
    const auto limit = std::min(request->body_limit, limits_.body_bytes);
    if (parser->content_length().value_or(0) > limit) co_return refuse_body(limit);
    parser->body_limit(limit);
    stream_.expires_after(limits_.body_timeout);
    if (shape_.version >= 11 && expects_continue(*request)) {
      // When this fails, so does the read that follows.
      http::response<http::empty_body> go_on(http::status::continue_, shape_.version);
      co_await http::async_write(stream_, go_on, no_throw);
    }
    const auto [error, count] = co_await http::async_read(stream_, buffer_, *parser, no_throw);
    if (error == http::error::body_limit) co_return refuse_body(limit);
    if (error) {
      co_return answer_read_error(error, limits_)
          .value_or(error_response(http::status::request_timeout, "The body of the request did not arrive"));
    }
  }
  request->body = std::move(parser->get().body());
  co_return std::nullopt;
}

Task<HttpResponse> HttpConnection::respond(HttpRequest request) {
  stream_.expires_never();
  try {
    co_return co_await service_.respond(std::move(request));
  } catch (const boost::system::system_error& error) {
    if (error.code() == asio::error::operation_aborted) throw;
    log_error("{} {} failed: {}", shape_.method, shape_.path, error.what());
  } catch (const std::exception& error) {
    log_error("{} {} failed: {}", shape_.method, shape_.path, error.what());
  }
  co_return error_response(http::status::internal_server_error, "Unhandled error");
}

Task<HttpConnection::Next> HttpConnection::write(HttpResponse response, Next next) {
  if (finishing_ && next == Next::request) next = Next::close;
  if (response.stream) co_return co_await write_stream(std::move(response), next);
  http::response<http::string_body> message(response.status, shape_.version);
  fill_head(message, response);
  const auto code = static_cast<unsigned>(response.status);
  const bool has_body = code >= 200 && code != 204 && code != 304;
  if (has_body) {
    message.content_length(response.body.size());
    message.body() = std::move(response.body);
  }
  if (!response.upgrade) message.keep_alive(next == Next::request);

  stream_.expires_after(limits_.write_timeout);
  http::response_serializer<http::string_body> serializer(message);
  const auto [error, count] = shape_.is_head
                                  ? co_await http::async_write_header(stream_, serializer, no_throw)
                                  : co_await http::async_write(stream_, serializer, no_throw);
  const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - shape_.started;
  log_debug("{} {} {} {:.1f} ms", shape_.method, shape_.path, code, taken.count());
  if (error) {
    close();
    co_return Next::close;
  }
  if (!response.upgrade) co_return next;

  const auto rest = buffer_.data();
  std::string received(static_cast<const char*>(rest.data()), rest.size());
  stream_.expires_never();
  response.upgrade(stream_.release_socket(), std::move(received));
  co_return Next::upgraded;
}

Task<HttpConnection::Next> HttpConnection::write_stream(HttpResponse response, Next next) {
  if (shape_.version < 11) next = Next::close;  // The end of the connection is the end of the body.
  http::response<http::empty_body> message(response.status, shape_.version);
  fill_head(message, response);
  if (shape_.version >= 11) message.chunked(true);
  message.keep_alive(next == Next::request);
  stream_.expires_after(limits_.write_timeout);
  http::response_serializer<http::empty_body> serializer(message);
  const auto [error, count] = co_await http::async_write_header(stream_, serializer, no_throw);
  if (error) {
    close();
    co_return Next::close;
  }
  if (!shape_.is_head) next = co_await write_body(std::move(response.stream), next);
  const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - shape_.started;
  log_debug("{} {} {} {:.1f} ms, streamed", shape_.method, shape_.path,
            static_cast<unsigned>(response.status), taken.count());
  co_return next;
}

Task<HttpConnection::Next> HttpConnection::write_body(HttpBodyStream body, Next next) {
  using namespace asio::experimental::awaitable_operators;
  const auto writer = std::make_shared<BodyWriter>(*this);
  stream_.expires_never();
  const auto ended = co_await (run_body(std::move(body), writer) || watch_client(writer));
  if (const auto failure = std::get<0>(ended); failure) {
    try {
      std::rethrow_exception(failure);
    } catch (const boost::system::system_error& error) {
      if (error.code() == asio::error::operation_aborted) throw;
      log_error("{} {} failed in its body: {}", shape_.method, shape_.path, error.what());
    } catch (const std::exception& error) {
      log_error("{} {} failed in its body: {}", shape_.method, shape_.path, error.what());
    }
  } else if (co_await writer->finish()) {
    co_return next;
  }
  close();
  co_return Next::close;
}

/// Reads ahead while a body is written: the end of what the client sends is how we learn that it has gone.
/// Ends by cancellation only.
Task<void> HttpConnection::watch_client(std::shared_ptr<BodyWriter> writer) {
  constexpr std::size_t read_ahead = 4096;
  while (buffer_.size() < read_ahead) {
    const auto [error, count] =
        co_await stream_.async_read_some(buffer_.prepare(read_ahead - buffer_.size()), no_throw);
    buffer_.commit(count);
    if (!error) continue;
    if (error != asio::error::operation_aborted) writer->note_client_gone();
    break;
  }
  Event never(co_await asio::this_coro::executor);
  while (true) co_await never.wait();
}

// Closing while the client still sends would reset the connection, and the response with it, before it is
// read.
Task<void> HttpConnection::linger() {
  boost::system::error_code ignored;
  stream_.socket().shutdown(ClientSocket::shutdown_send, ignored);
  stream_.expires_after(std::chrono::seconds(2));
  std::array<char, 4096> discarded{};
  std::size_t budget = 4 * 1024 * 1024;
  while (budget > 0) {
    const auto [error, count] = co_await stream_.async_read_some(asio::buffer(discarded), no_throw);
    if (error) co_return;
    budget -= std::min(budget, count);
  }
}

}  // namespace nextgen_kernels
