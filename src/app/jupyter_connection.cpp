#include "app/jupyter_connection.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>

#include "base/strings.h"
#include "server/tls_tunnel.h"

namespace nextgen_kernels {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace websocket = boost::beast::websocket;

constexpr const char* v1_protocol = "v1.kernel.websocket.jupyter.org";

/// What the server says in an error body, or the bare status.
std::string explain(const http::response<http::string_body>& response) {
  const auto body = nlohmann::json::parse(response.body(), nullptr, false);
  if (body.is_object()) {
    for (const auto* field : {"message", "reason"}) {
      if (const auto text = body.find(field);
          text != body.end() && text->is_string() && !text->get<std::string>().empty())
        return text->get<std::string>();
    }
  }
  return std::string(response.reason());
}

}  // namespace

JupyterConnection::JupyterConnection(Executor executor, ServerUrl url)
    : executor_(executor), url_(std::move(url)), tunnels_(executor) {}

std::string JupyterConnection::host_header() const {
  if (!url_.sock.empty()) return "localhost";
  return fmt::format("{}:{}", url_.host.contains(':') ? "[" + url_.host + "]" : url_.host, url_.port);
}

std::string JupyterConnection::shown_url() const {
  if (!url_.sock.empty()) return "the socket " + url_.sock;
  return fmt::format("{}://{}", url_.tls ? "https" : "http", host_header());
}

Task<Result<ClientSocket>> JupyterConnection::connect() {
  if (url_.sock.empty()) {
    auto connected = co_await connect_tcp();
    if (!connected || !url_.tls) co_return connected;
    co_return co_await begin_tls(std::move(*connected), url_.host, &tunnels_);
  }
  if (url_.sock.size() >= sizeof(sockaddr_un::sun_path))
    co_return make_error(ErrorCode::invalid_argument, "The path of {} is too long", shown_url());
  asio::local::stream_protocol::socket socket(executor_);
  const auto [refused] = co_await socket.async_connect({url_.sock}, no_throw);
  if (refused) {
    co_return make_error(ErrorCode::unavailable, "Cannot connect to {}: {}. Is the server running?",
                         shown_url(), refused.message());
  }
  co_return ClientSocket(std::move(socket));
}

Task<Result<ClientSocket>> JupyterConnection::connect_tcp() {
  asio::ip::tcp::resolver resolver(executor_);
  const auto [unresolved, endpoints] =
      co_await resolver.async_resolve(url_.host, std::to_string(url_.port), no_throw);
  if (unresolved)
    co_return make_error(ErrorCode::unavailable, "Cannot resolve {}: {}", url_.host, unresolved.message());
  asio::ip::tcp::socket socket(executor_);
  const auto [refused, endpoint] = co_await asio::async_connect(socket, endpoints, no_throw);
  if (refused) {
    co_return make_error(ErrorCode::unavailable, "Cannot connect to {}: {}. Is the server running?",
                         shown_url(), refused.message());
  }
  socket.set_option(asio::ip::tcp::no_delay(true));
  co_return ClientSocket(std::move(socket));
}

Task<Result<nlohmann::json>> JupyterConnection::request(std::string method, std::string path,
                                                        nlohmann::json body) {
  auto connected = co_await connect();
  if (!connected) co_return std::unexpected(connected.error());
  Stream stream(std::move(*connected));
  http::request<http::string_body> request(http::string_to_verb(method), url_.base_path + path, 11);
  request.set(http::field::host, host_header());
  if (!url_.token.empty()) request.set(http::field::authorization, "token " + url_.token);
  if (!body.is_null()) {
    request.set(http::field::content_type, "application/json");
    request.body() = body.dump();
  }
  request.prepare_payload();
  const auto [unsent, sent] = co_await http::async_write(stream, request, no_throw);
  if (unsent) co_return make_error(ErrorCode::unavailable, "{} {}: {}", method, path, unsent.message());
  beast::flat_buffer buffer;
  http::response<http::string_body> response;
  const auto [unread, read] = co_await http::async_read(stream, buffer, response, no_throw);
  if (unread) co_return make_error(ErrorCode::unavailable, "{} {}: {}", method, path, unread.message());
  if (response.result_int() == 401 || response.result_int() == 403) {
    co_return make_error(
        ErrorCode::permission_denied,
        "The server at {} refuses the request: {} Give its token in the URL (?token=…) or in "
        "JUPYTER_TOKEN.",
        shown_url(), as_sentence(explain(response)));
  }
  if (response.result_int() >= 400) {
    co_return make_error(response.result_int() == 404 ? ErrorCode::not_found : ErrorCode::unavailable, "{}",
                         explain(response));
  }
  if (response.body().empty()) co_return nlohmann::json();
  auto answer = nlohmann::json::parse(response.body(), nullptr, false);
  if (answer.is_discarded())
    co_return make_error(ErrorCode::protocol, "{} {}: the answer is no JSON. Is this a Jupyter server?",
                         method, path);
  co_return answer;
}

Task<Result<void>> JupyterConnection::open_channels(std::string kernel_id, std::string session) {
  auto connected = co_await connect();
  if (!connected) co_return std::unexpected(connected.error());
  channels_.emplace(std::move(*connected));
  channels_->read_message_max(0);
  channels_->set_option(
      websocket::stream_base::decorator([token = url_.token](websocket::request_type& request) {
        if (!token.empty()) request.set(http::field::authorization, "token " + token);
        request.set(http::field::sec_websocket_protocol, v1_protocol);
      }));
  const auto path =
      fmt::format("{}api/kernels/{}/channels?session_id={}", url_.base_path, kernel_id, session);
  websocket::response_type response;
  const auto [failure] = co_await channels_->async_handshake(response, host_header(), path, no_throw);
  if (failure) {
    co_return make_error(ErrorCode::unavailable, "Cannot open the channels of kernel {}: {}", kernel_id,
                         response.result_int() >= 400 ? std::string(response.reason()) : failure.message());
  }
  if (response[http::field::sec_websocket_protocol] != v1_protocol)
    co_return make_error(ErrorCode::protocol, "The server does not speak {}", v1_protocol);
  channels_->binary(true);
  co_return Result<void>{};
}

Task<Result<void>> JupyterConnection::send(OutgoingMessage message) {
  const auto framed = Message::make(message.channel, message.parts, message.buffers);
  if (!framed) co_return std::unexpected(framed.error());
  const auto payload = (*framed)->v1_payload();
  const auto [failure, sent] =
      co_await channels_->async_write(asio::buffer(payload.data(), payload.size()), no_throw);
  if (failure)
    co_return make_error(ErrorCode::unavailable, "The connection to the server broke: {}", failure.message());
  co_return Result<void>{};
}

Task<Result<Message::Pointer>> JupyterConnection::receive() {
  received_.clear();
  const auto [failure, count] = co_await channels_->async_read(received_, no_throw);
  if (failure)
    co_return make_error(ErrorCode::unavailable, "The connection to the server broke: {}", failure.message());
  const auto bytes = received_.cdata();
  co_return Message::from_v1_payload({static_cast<const char*>(bytes.data()), bytes.size()});
}

}  // namespace nextgen_kernels
