#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <nlohmann/json.hpp>
#include <sys/socket.h>
#include <sys/time.h>

#include "server/http_message.h"
#include "wire/websocket_frame.h"

namespace nextgen_kernels {

/// A response as a test looks at it.
struct TestResponse {
  unsigned status = 0;
  http::fields headers;
  std::string body;

  nlohmann::json json() const { return nlohmann::json::parse(body); }
  std::string header(std::string_view name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? "" : std::string(found->value());
  }
};

/// A blocking TCP connection to the server; reads give up after half a minute.
class TestConnection {
 public:
  /// `from`: an address of this machine to come from.
  explicit TestConnection(std::uint16_t port, const char* from = nullptr)
      : loop_(std::make_unique<boost::asio::io_context>()), socket_(*loop_) {
    // Small, so that the server soon cannot write any more when a test does not read.
    socket_.open(boost::asio::ip::tcp::v4());
    socket_.set_option(boost::asio::socket_base::receive_buffer_size(64 * 1024));
    if (from != nullptr) socket_.bind(boost::asio::ip::tcp::endpoint(boost::asio::ip::make_address(from), 0));
    socket_.connect(boost::asio::ip::tcp::endpoint(boost::asio::ip::address_v4::loopback(), port));
    const timeval limit{.tv_sec = 30, .tv_usec = 0};
    ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  }

  void send(std::string_view bytes) { boost::asio::write(socket_, boost::asio::buffer(bytes)); }

  /// Sends what the server may not take any more.
  void send_some(std::string_view bytes) {
    boost::system::error_code ignored;
    boost::asio::write(socket_, boost::asio::buffer(bytes), ignored);
  }

  /// Reads one response; `method` decides whether a body follows.
  TestResponse receive(std::string_view method = "GET") {
    http::response_parser<http::string_body> parser;
    parser.body_limit(boost::none);
    parser.skip(method == "HEAD");
    http::read(socket_, buffer_, parser);
    auto message = parser.release();
    TestResponse response;
    response.status = message.result_int();
    response.body = std::move(message.body());
    response.headers = std::move(static_cast<http::fields&>(message.base()));
    return response;
  }

  /// Reads one response head; what follows stays for `read_some`.
  TestResponse receive_head() {
    http::response_parser<http::string_body> parser;
    http::read_header(socket_, buffer_, parser);
    TestResponse response;
    response.status = parser.get().result_int();
    response.headers = parser.get();
    return response;
  }

  /// Some bytes; none at the end of the connection. A reset counts as an end.
  std::string read_some() {
    if (buffer_.size() > 0) {
      std::string bytes(static_cast<const char*>(buffer_.data().data()), buffer_.size());
      buffer_.consume(buffer_.size());
      return bytes;
    }
    std::string bytes(64 * 1024, '\0');
    boost::system::error_code error;
    bytes.resize(socket_.read_some(boost::asio::buffer(bytes), error));
    if (error == boost::asio::error::would_block)
      throw std::runtime_error("the server sent nothing for too long");
    return bytes;
  }

  std::string read_to_end() {
    std::string all;
    while (true) {
      const auto bytes = read_some();
      if (bytes.empty()) return all;
      all += bytes;
    }
  }

  bool at_end() { return read_some().empty(); }
  void close() { socket_.close(); }
  ClientSocket& socket() { return socket_; }

 private:
  std::unique_ptr<boost::asio::io_context> loop_;
  ClientSocket socket_;
  boost::beast::flat_buffer buffer_;
};

/// A WebSocket client, after the handshake.
class TestWebSocket {
 public:
  TestWebSocket(std::uint16_t port, const std::string& target, const std::string& more_headers = "")
      : connection_(port),
        decoder_({.role = WebSocketDecoder::Role::client,
                  .text_validation = WebSocketDecoder::TextValidation::utf8,
                  .max_message_size = std::size_t{1} << 30}) {
    connection_.send("GET " + target + " HTTP/1.1\r\nHost: localhost:" + std::to_string(port) +
                     "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
                     more_headers + "\r\n");
    handshake = connection_.receive_head();
    if (handshake.status != 101) throw std::runtime_error("refused: " + std::to_string(handshake.status));
  }

  void send_frame(WebSocketOpcode opcode, std::string_view payload) {
    connection_.send(encode_masked_websocket_frame(opcode, payload, {'m', 'a', 's', 'k'}));
  }
  void send_raw(std::string_view bytes) { connection_.send(bytes); }

  /// The next frame; nothing at the end of the connection.
  std::optional<WebSocketEvent> receive() {
    while (true) {
      if (auto event = decoder_.next()) return event;
      if (decoder_.failure())
        throw std::runtime_error("the server broke RFC 6455: " + decoder_.failure()->message);
      const auto bytes = connection_.read_some();
      if (bytes.empty()) return std::nullopt;
      decoder_.feed(bytes);
    }
  }

  /// The next frame that is not a ping; those are answered.
  std::optional<WebSocketEvent> receive_message() {
    auto event = receive();
    while (event && event->opcode == WebSocketOpcode::ping) {
      send_frame(WebSocketOpcode::pong, event->payload);
      event = receive();
    }
    return event;
  }

  /// Reads up to the close frame and gives its code; 0 when the connection ended without one.
  std::uint16_t receive_close() {
    while (const auto event = receive()) {
      if (event->opcode == WebSocketOpcode::close) {
        close_reason = event->payload;
        return event->close_code;
      }
    }
    return 0;
  }

  bool at_end() { return !receive(); }
  TestConnection& connection() { return connection_; }

  TestResponse handshake;
  std::string close_reason;

 private:
  TestConnection connection_;
  WebSocketDecoder decoder_;
};

}  // namespace nextgen_kernels
