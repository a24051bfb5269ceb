#include "runtime/zmq_router.h"

#include <array>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include "base/log.h"
#include "runtime/event.h"

namespace nextgen_kernels {
namespace {

using tcp = asio::ip::tcp;

constexpr std::size_t greeting_size = 64;
// RFC 23: flags of a frame.
constexpr std::uint8_t more_flag = 1;
constexpr std::uint8_t long_flag = 2;
constexpr std::uint8_t command_flag = 4;
constexpr std::size_t longest_short_frame = 255;

/// Signature, version 3.0, mechanism NULL, not a server.
std::string greeting() {
  std::string bytes(greeting_size, '\0');
  bytes[0] = '\xff';
  bytes[9] = '\x7f';
  bytes[10] = 3;
  bytes.replace(12, 4, "NULL");
  return bytes;
}

bool is_valid_greeting(std::string_view bytes) {
  return bytes[0] == '\xff' && bytes[9] == '\x7f' && bytes[10] >= 3 &&
         bytes.substr(12, 20) == std::string("NULL") + std::string(16, '\0');
}

void append_frame(std::string& output, std::uint8_t flags, std::string_view body) {
  const bool is_long = body.size() > longest_short_frame;
  output += static_cast<char>(flags | (is_long ? long_flag : 0));
  for (int shift = is_long ? 56 : 0; shift >= 0; shift -= 8)
    output += static_cast<char>(body.size() >> shift & 0xff);
  output += body;
}

std::string ready_command() {
  using namespace std::string_literals;
  return "\x05READY\x0bSocket-Type\0\0\0\x06ROUTER\x08Identity\0\0\0\0"s;
}

}  // namespace

struct ZmqRouter::State {
  State(const Executor& executor, Handler h) : acceptor(executor), handler(std::move(h)) {}
  tcp::acceptor acceptor;
  Handler handler;
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

  /// True when all of `size` bytes came into `input`.
  Task<bool> read(std::size_t size) {
    input.resize(size);
    const auto [error, count] = co_await asio::async_read(socket, asio::buffer(input), no_throw);
    co_return !error;
  }

  Task<bool> write(std::string bytes) {
    const auto [error, count] = co_await asio::async_write(socket, asio::buffer(bytes), no_throw);
    co_return !error;
  }

  /// The next frame: its flags, and its body in `input`. Nothing when the connection is over, or should be.
  Task<std::optional<std::uint8_t>> read_frame() {
    if (!co_await read(1)) co_return std::nullopt;
    const auto flags = static_cast<std::uint8_t>(input[0]);
    if (!co_await read((flags & long_flag) != 0 ? 8 : 1)) co_return std::nullopt;
    std::uint64_t size = 0;
    for (const char byte : input) size = size << 8 | static_cast<std::uint8_t>(byte);
    if (size > largest_message || !co_await read(static_cast<std::size_t>(size))) co_return std::nullopt;
    co_return flags;
  }

  std::shared_ptr<State> state;
  tcp::socket socket;
  std::string input;
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
  if (!co_await connection->write(greeting())) co_return;
  if (!co_await connection->read(greeting_size) || !is_valid_greeting(connection->input)) co_return;
  std::string ready;
  append_frame(ready, command_flag, ready_command());
  if (!co_await connection->write(std::move(ready))) co_return;
  Frames message;
  std::size_t size = 0;
  while (const auto flags = co_await connection->read_frame()) {
    if ((*flags & command_flag) != 0) continue;
    size += connection->input.size();
    message.push_back(std::move(connection->input));
    if (size > largest_message || message.size() > most_frames) co_return;
    if ((*flags & more_flag) != 0) continue;
    const auto answer = connection->state->handler ? connection->state->handler(message) : std::nullopt;
    message.clear();
    size = 0;
    if (!answer) continue;
    std::string bytes;
    for (std::size_t i = 0; i < answer->size(); ++i)
      append_frame(bytes, i + 1 < answer->size() ? more_flag : std::uint8_t{0}, (*answer)[i]);
    if (!co_await connection->write(std::move(bytes))) co_return;
  }
}

}  // namespace nextgen_kernels
