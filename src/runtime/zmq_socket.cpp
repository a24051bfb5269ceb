#include "runtime/zmq_socket.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <optional>
#include <utility>

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/log.h"
#include "runtime/loop_watchdog.h"
#include "runtime/zmq_endpoint.h"

namespace nextgen_kernels {
namespace {

// A kernel binds its ports within milliseconds once it has come so far.
constexpr auto first_retry = std::chrono::milliseconds(20);
constexpr auto longest_retry = std::chrono::milliseconds(200);
// A peer that accepts and says nothing, or an address that answers nothing.
constexpr auto connect_patience = std::chrono::seconds(30);

using Socket = asio::generic::stream_protocol::socket;
using GenericEndpoint = asio::generic::stream_protocol::endpoint;

bool would_block(const boost::system::error_code& error) {
  return error == asio::error::would_block || error == asio::error::try_again;
}

}  // namespace

struct ZmqSocket::State : std::enable_shared_from_this<State> {
  State(const Executor& executor_, ZmqSocketType type_, std::string_view routing_id_)
      : executor(executor_),
        type(type_),
        routing_id(routing_id_),
        decoder(type_, routing_id_),
        socket(executor_),
        resolver(executor_),
        timer(executor_) {}

  /// Bytes that go out together: a message, or what the protocol itself has to say.
  struct Output {
    std::string bytes;
    bool is_message = false;
  };

  /// A handler of an operation of the connection at hand; not called for one that is over.
  template <typename Handler>
  auto of_this_connection(Handler handler) {
    return [weak = weak_from_this(), attempt_of_handler = attempt, handler = std::move(handler)](
               const boost::system::error_code& error, auto&&... results) {
      const auto self = weak.lock();
      if (self && !self->closed && self->attempt == attempt_of_handler)
        handler(*self, error, std::forward<decltype(results)>(results)...);
    };
  }

  // Connecting
  void begin_attempt();
  void open(const GenericEndpoint& peer);
  void opened();
  bool connected_to_itself();
  void broken(std::string reason);
  void close();

  // Reading
  void wait_readable();
  void on_readable();
  bool advance();
  bool read();
  void be_ready();
  void activity();
  void schedule();

  // Writing
  void send(Output next);
  void write();
  void wait_writable();

  Executor executor;
  ZmqSocketType type;
  std::string routing_id;
  std::string address;
  ZmqEndpoint endpoint;
  ZmtpDecoder decoder;
  Socket socket;
  asio::ip::tcp::resolver resolver;
  asio::steady_timer timer;  // For the next attempt, and for the patience with the one under way.
  std::chrono::milliseconds retry = first_retry;
  unsigned attempt = 0;
  bool connected = false;
  bool closed = false;
  bool readable = false;
  bool waiting_readable = false;
  bool waiting_writable = false;
  bool scheduled = false;
  std::string failure;
  std::deque<Output> output;  // To the connection; the first is written up to written_bytes.
  std::size_t written_bytes = 0;
  std::deque<Output> waiting;  // Messages for the time when there is a connection.
  std::function<void()> on_activity;
  std::function<void(ZmqConnectionEvent)> on_connection;
};

// Connecting
// --------------------------------------------------------------------------------------------------------------

void ZmqSocket::State::begin_attempt() {
  ++attempt;
  timer.expires_after(connect_patience);
  timer.async_wait(of_this_connection([](State& self, const boost::system::error_code& error) {
    if (!error && !self.connected) self.broken("it did not answer the greeting of ZeroMQ in time");
  }));
  if (endpoint.transport == ZmqEndpoint::Transport::ipc) {
    auto path = endpoint.path;
    if (path.front() == '@') path.front() = '\0';
    return open(asio::local::stream_protocol::endpoint(path));
  }
  boost::system::error_code not_numeric;
  const auto numeric = asio::ip::make_address(endpoint.host, not_numeric);
  if (!not_numeric)
    return open(asio::ip::tcp::endpoint(numeric, static_cast<std::uint16_t>(std::stoi(endpoint.port))));
  resolver.async_resolve(
      endpoint.host, endpoint.port,
      of_this_connection([](State& self, const boost::system::error_code& error, const auto& found) {
        if (error) return self.broken(error.message());
        self.open(found.begin()->endpoint());
      }));
}

void ZmqSocket::State::open(const GenericEndpoint& peer) {
  boost::system::error_code error;
  socket.open(peer.protocol(), error);
  if (!error) socket.non_blocking(true, error);
  if (!error && endpoint.transport == ZmqEndpoint::Transport::tcp)
    socket.set_option(asio::ip::tcp::no_delay(true), error);
  if (error) return broken(error.message());
  socket.async_connect(peer, of_this_connection([](State& self, const boost::system::error_code& failed) {
                         if (failed) return self.broken(failed.message());
                         self.opened();
                       }));
}

void ZmqSocket::State::opened() {
  // Connecting to a free port out of the range of outgoing connections, TCP can meet itself.
  if (connected_to_itself()) return broken("nobody listens there");
  send({.bytes = ZmtpDecoder::greeting()});
  wait_readable();
}

bool ZmqSocket::State::connected_to_itself() {
  boost::system::error_code error;
  const auto local = socket.local_endpoint(error);
  if (error || endpoint.transport != ZmqEndpoint::Transport::tcp) return false;
  return local == socket.remote_endpoint(error);
}

/// The connection, or the attempt to make one, is over: the next one follows.
void ZmqSocket::State::broken(std::string reason) {
  if (failure != reason) log_debug("ZMQ socket to {}: {}", address, reason);
  failure = std::move(reason);
  ++attempt;
  const bool was_connected = std::exchange(connected, false);
  resolver.cancel();
  boost::system::error_code ignored;
  socket.close(ignored);
  decoder = ZmtpDecoder(type, routing_id);
  readable = waiting_readable = waiting_writable = false;
  std::erase_if(output, [](const Output& one) { return !one.is_message; });
  std::ranges::move(waiting, std::back_inserter(output));
  waiting = std::exchange(output, {});
  written_bytes = 0;

  timer.expires_after(retry);
  timer.async_wait(of_this_connection([](State& self, const boost::system::error_code& error) {
    if (!error) self.begin_attempt();
  }));
  retry = std::min<std::chrono::milliseconds>(2 * retry, longest_retry);
  if (!was_connected || !on_connection) return;
  // Not from here: this may be the owner's own call, and the owner may end the socket when it is told.
  asio::post(executor, [weak = weak_from_this()] {
    if (const auto self = weak.lock(); self && !self->closed)
      self->on_connection(ZmqConnectionEvent::disconnected);
  });
}

void ZmqSocket::State::close() {
  closed = true;
  timer.cancel();
  resolver.cancel();
  boost::system::error_code ignored;
  socket.close(ignored);
}

// Reading
// --------------------------------------------------------------------------------------------------------------

void ZmqSocket::State::wait_readable() {
  if (std::exchange(waiting_readable, true)) return;
  socket.async_wait(Socket::wait_read,
                    of_this_connection([](State& self, const boost::system::error_code& error) {
                      self.waiting_readable = false;
                      if (error) return self.broken(error.message());
                      self.readable = true;
                      self.on_readable();
                    }));
}

void ZmqSocket::State::on_readable() {
  const auto self = shared_from_this();
  const LoopScope scope("messages from", address);
  if (!connected) {
    while (!connected && advance()) {
    }
    if (!connected || closed) return;
  }
  activity();
}

void ZmqSocket::State::activity() {
  const LoopScope scope("messages from", address);
  if (on_activity) return on_activity();
  while (connected && advance()) {
  }
}

/// True when the decoder took a step that the owner should know of: a message, or the end of the handshake.
bool ZmqSocket::State::advance() {
  while (true) {
    const auto step = decoder.next();
    if (!step) {
      broken(step.error().message);
      return false;
    }
    switch (*step) {
      case ZmtpDecoder::Step::message:
        return true;
      case ZmtpDecoder::Step::ready:
        be_ready();
        return true;
      case ZmtpDecoder::Step::answer:
        send({.bytes = decoder.take_answer()});
        break;
      case ZmtpDecoder::Step::need_more:
        if (!readable || !read()) return false;
        break;
    }
  }
}

/// False when nothing came.
bool ZmqSocket::State::read() {
  const auto space = decoder.space();
  boost::system::error_code error;
  const auto count = socket.read_some(asio::buffer(space.data(), space.size()), error);
  if (error && !would_block(error)) {
    broken(error == asio::error::eof ? "the peer closed the connection" : error.message());
    return false;
  }
  decoder.received(count);
  if (count < space.size()) {
    readable = false;
    wait_readable();
  }
  return count > 0;
}

void ZmqSocket::State::be_ready() {
  connected = true;
  failure.clear();
  retry = first_retry;
  timer.cancel();
  std::ranges::move(waiting, std::back_inserter(output));
  waiting.clear();
  write();
  if (connected && on_connection) on_connection(ZmqConnectionEvent::connected);
}

void ZmqSocket::State::schedule() {
  if (std::exchange(scheduled, true)) return;
  asio::post(executor, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self || self->closed) return;
    self->scheduled = false;
    if (self->connected) self->activity();
  });
}

// Writing
// --------------------------------------------------------------------------------------------------------------

void ZmqSocket::State::send(Output next) {
  if (next.is_message && !connected) {
    waiting.push_back(std::move(next));
    return;
  }
  output.push_back(std::move(next));
  write();
}

void ZmqSocket::State::write() {
  while (!output.empty() && !waiting_writable) {
    const auto& bytes = output.front().bytes;
    boost::system::error_code error;
    written_bytes +=
        socket.write_some(asio::buffer(bytes.data() + written_bytes, bytes.size() - written_bytes), error);
    // The reading side tells of the end, after what came before it.
    if (error && !would_block(error)) return;
    if (written_bytes < bytes.size()) return wait_writable();
    output.pop_front();
    written_bytes = 0;
  }
}

void ZmqSocket::State::wait_writable() {
  waiting_writable = true;
  socket.async_wait(Socket::wait_write,
                    of_this_connection([](State& self, const boost::system::error_code& error) {
                      self.waiting_writable = false;
                      if (error) return self.broken(error.message());
                      self.write();
                    }));
}

// The socket
// --------------------------------------------------------------------------------------------------------------

ZmqSocket::ZmqSocket(const Executor& executor, ZmqSocketType type, std::string_view routing_id)
    : state_(std::make_shared<State>(executor, type, routing_id)) {}

ZmqSocket::~ZmqSocket() {
  state_->close();
}

Result<void> ZmqSocket::connect(std::string_view endpoint) {
  auto parsed = ZmqEndpoint::parse(endpoint);
  if (!parsed) return std::unexpected(parsed.error());
  state_->endpoint = std::move(*parsed);
  state_->address = endpoint;
  state_->begin_attempt();
  return {};
}

void ZmqSocket::on_connection(std::function<void(ZmqConnectionEvent)> handler) {
  state_->on_connection = std::move(handler);
}

bool ZmqSocket::connected() const {
  return state_->connected;
}

const std::string& ZmqSocket::last_failure() const {
  return state_->failure;
}

void ZmqSocket::start(std::function<void()> on_activity) {
  state_->on_activity = std::move(on_activity);
  state_->schedule();
}

bool ZmqSocket::receive() {
  // Only connected sockets have messages; the handshake is not the owner's.
  return state_->connected && state_->advance();
}

std::span<const std::string_view> ZmqSocket::frames() const {
  return state_->decoder.frames();
}

void ZmqSocket::look_now() {
  state_->readable = state_->connected;
}

void ZmqSocket::poll_again() {
  state_->schedule();
}

void ZmqSocket::send(std::span<const std::string_view> frames) {
  std::string bytes;
  append_zmtp_message(bytes, frames);
  state_->send({.bytes = std::move(bytes), .is_message = true});
}

}  // namespace nextgen_kernels
