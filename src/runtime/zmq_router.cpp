#include "runtime/zmq_router.h"

#include <string_view>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>

#include "base/log.h"
#include "runtime/event.h"
#include "wire/zmtp.h"

namespace nextgen_kernels {
namespace {

using tcp = asio::ip::tcp;

}  // namespace

struct ZmqRouter::State {
  State(const Executor& executor, Handler h) : acceptor(executor), handler(std::move(h)) {}
  tcp::acceptor acceptor;
  Handler handler;
  std::uint16_t port = 0;
  std::size_t connections = 0;
  bool closed = false;
  std::vector<std::weak_ptr<Connection>> open;
};

struct ZmqRouter::Connection {
  Connection(std::shared_ptr<State> s, tcp::socket t) : state(std::move(s)), socket(std::move(t)) {
    ++state->connections;
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { --state->connections; }

  /// False at the end of the connection.
  Task<bool> read_some() {
    const auto space = decoder.space();
    const auto [error, count] =
        co_await socket.async_read_some(asio::buffer(space.data(), space.size()), no_throw);
    decoder.received(count);
    co_return !error;
  }

  Task<bool> write(std::string bytes) {
    const auto [error, count] = co_await asio::async_write(socket, asio::buffer(bytes), no_throw);
    co_return !error;
  }

  /// What to send for the message that came; empty for nothing.
  std::string answer() const {
    const Frames message(decoder.frames().begin(), decoder.frames().end());
    const auto answer = state->handler ? state->handler(message) : std::nullopt;
    std::string bytes;
    if (answer) append_zmtp_message(bytes, std::vector<std::string_view>(answer->begin(), answer->end()));
    return bytes;
  }

  std::shared_ptr<State> state;
  tcp::socket socket;
  ZmtpDecoder decoder{
      ZmqSocketType::router, "", {.message_bytes = largest_message, .message_frames = most_frames}};
};

Result<std::unique_ptr<ZmqRouter>> ZmqRouter::listen(const Executor& executor, const std::string& ip,
                                                     Handler handler) {
  boost::system::error_code error;
  const auto address = asio::ip::make_address(ip, error);
  if (error) return make_error(ErrorCode::invalid_argument, "'{}' is no numeric IP address", ip);
  auto state = std::make_shared<State>(executor, std::move(handler));
  const tcp::endpoint endpoint(address, 0);
  state->acceptor.open(endpoint.protocol(), error);
  if (!error) state->acceptor.bind(endpoint, error);
  if (!error) state->acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return make_error(ErrorCode::io, "Cannot listen on {}: {}", ip, error.message());
  const auto port = state->acceptor.local_endpoint(error).port();
  state->port = port;
  return std::unique_ptr<ZmqRouter>(new ZmqRouter(executor, std::move(state), port));
}

ZmqRouter::ZmqRouter(const Executor& executor, std::shared_ptr<State> state, std::uint16_t port)
    : state_(std::move(state)), port_(port) {
  asio::co_spawn(executor, accept(state_), asio::detached);
}

ZmqRouter::~ZmqRouter() {
  // What still runs holds the state, sees that its socket is closed, and ends.
  state_->closed = true;
  state_->handler = nullptr;
  boost::system::error_code ignored;
  state_->acceptor.close(ignored);
  for (const auto& weak : state_->open) {
    if (const auto connection = weak.lock()) connection->socket.close(ignored);
  }
}

Task<void> ZmqRouter::accept(std::shared_ptr<State> state) {
  while (!state->closed) {
    auto [error, socket] = co_await state->acceptor.async_accept(no_throw);
    if (state->closed) co_return;
    if (error) {
      // Out of descriptors, for example: what is there already goes on.
      co_await sleep_for(std::chrono::milliseconds(100));
      continue;
    }
    if (state->connections >= most_connections) continue;
    std::erase_if(state->open, [](const auto& weak) { return weak.expired(); });
    const auto connection = std::make_shared<Connection>(state, std::move(socket));
    state->open.push_back(connection);
    asio::co_spawn(state->acceptor.get_executor(), serve(connection), asio::detached);
  }
}

Task<void> ZmqRouter::serve(std::shared_ptr<Connection> connection) {
  using namespace asio::experimental::awaitable_operators;
  co_await (converse(connection) || sleep_for(connection_lifetime));
}

Task<void> ZmqRouter::converse(std::shared_ptr<Connection> connection) {
  auto& decoder = connection->decoder;
  bool open = co_await connection->write(ZmtpDecoder::greeting());
  for (int steps = 0; open;) {
    const auto step = decoder.next();
    if (!step) {
      log_debug("A ZMQ connection to port {} was closed: {}", connection->state->port, step.error().message);
      co_return;
    }
    if (*step != ZmtpDecoder::Step::need_more && ++steps > most_steps) {
      log_debug("A ZMQ connection to port {} was closed: it sent more than {} messages and commands",
                connection->state->port, most_steps);
      co_return;
    }
    switch (*step) {
      case ZmtpDecoder::Step::need_more:
        open = co_await connection->read_some();
        break;
      case ZmtpDecoder::Step::answer:
        open = co_await connection->write(decoder.take_answer());
        break;
      case ZmtpDecoder::Step::message:
        open = co_await connection->write(connection->answer());
        break;
      case ZmtpDecoder::Step::ready:
      case ZmtpDecoder::Step::command:
      case ZmtpDecoder::Step::pause:
      case ZmtpDecoder::Step::oversized_message:
        break;
    }
  }
}

}  // namespace nextgen_kernels
