#include "runtime/zmq_socket.h"

#include <algorithm>
#include <bit>
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
// A peer that broke the protocol would do so again at once.
constexpr auto retry_after_violation = std::chrono::seconds(1);
// A peer that accepts and says nothing, or an address that answers nothing.
constexpr auto connect_patience = std::chrono::seconds(30);

// What one turn of the event loop takes of a peer's commands, and of messages that nobody wants.
constexpr int turn_steps = 256;
// What one turn writes, and what one system call does: a peer that reads meanwhile makes room all the time.
constexpr std::size_t turn_written_bytes = std::size_t{4} * 1024 * 1024;
constexpr std::size_t largest_write = std::size_t{1024} * 1024;
// Answers to commands that may wait for a peer that does not read.
constexpr std::size_t most_unread_answer_bytes = std::size_t{64} * 1024;

using Socket = asio::generic::stream_protocol::socket;
using GenericEndpoint = asio::generic::stream_protocol::endpoint;

bool would_block(const boost::system::error_code& error) {
  return error == asio::error::would_block || error == asio::error::try_again;
}

}  // namespace

struct ZmqSocket::State : std::enable_shared_from_this<State> {
  State(const Executor& executor_, ZmqSocketType type_, std::string_view routing_id_, ZmtpLimits limits_)
      : executor(executor_),
        type(type_),
        routing_id(routing_id_),
        limits(limits_),
        decoder(type_, routing_id_, limits_),
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
  void violated(std::string reason);
  void close();

  // Reading
  void wait_readable();
  void on_readable();
  bool advance(std::size_t most_bytes);
  std::size_t read(std::size_t most_bytes);
  void be_ready();
  void activity();
  void schedule();

  // Writing
  bool answer(std::string bytes);
  void send(Output next);
  void write();
  void wait_writable();

  Executor executor;
  ZmqSocketType type;
  std::string routing_id;
  ZmtpLimits limits;
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
  bool oversized = false;  // The message at hand.
  std::string failure;
  std::uint64_t violations = 0;
  std::deque<Output> output;  // To the connection; the first is written up to written_bytes.
  std::size_t written_bytes = 0;
  std::size_t unread_answer_bytes = 0;  // In `output`.
  std::deque<Output> waiting;           // Messages for the time when there is a connection.
  std::size_t unsent_bytes = 0;         // Messages in `output` and `waiting`.
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
  decoder = ZmtpDecoder(type, routing_id, limits);
  readable = waiting_readable = waiting_writable = false;
  unread_answer_bytes = 0;
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

/// The peer is not worth a connection as it behaves; it may be another one later.
void ZmqSocket::State::violated(std::string reason) {
  ++violations;
  // It is likely to do so again and again: say it at 1, 2, 4, 8, … times.
  if (std::has_single_bit(violations))
    log_warning("The connection to a kernel at {} was closed ({} so far): {}", address, violations, reason);
  retry = retry_after_violation;
  broken(std::move(reason));
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
  while (!connected && advance(read_budget)) {
  }
  if (connected && !closed) activity();
}

void ZmqSocket::State::activity() {
  const LoopScope scope("messages from", address);
  if (on_activity) return on_activity();
  for (int step = 0; step < turn_steps; ++step) {
    if (!connected || !advance(read_budget)) return;
  }
  schedule();
}

/// True when the decoder took a step that the owner should know of: a message, or the end of the handshake.
bool ZmqSocket::State::advance(std::size_t most_bytes) {
  std::size_t bytes = 0;
  for (int step = 0; step < turn_steps; ++step) {
    const auto next = decoder.next();
    if (!next) {
      connected ? violated(next.error().message) : broken(next.error().message);
      return false;
    }
    switch (*next) {
      case ZmtpDecoder::Step::message:
      case ZmtpDecoder::Step::oversized_message:
        oversized = *next == ZmtpDecoder::Step::oversized_message;
        return true;
      case ZmtpDecoder::Step::ready:
        be_ready();
        return true;
      case ZmtpDecoder::Step::answer:
        if (!answer(decoder.take_answer())) return false;
        break;
      case ZmtpDecoder::Step::command:
        break;
      case ZmtpDecoder::Step::pause:
        schedule();
        return false;
      case ZmtpDecoder::Step::need_more: {
        if (!readable || bytes >= most_bytes) {
          if (readable) schedule();
          return false;
        }
        const auto count = read(most_bytes - bytes);
        if (count == 0) return false;
        bytes += count;
        break;
      }
    }
  }
  schedule();
  return false;
}

/// How many bytes came.
std::size_t ZmqSocket::State::read(std::size_t most_bytes) {
  auto space = decoder.space();
  space = space.first(std::min(space.size(), most_bytes));
  boost::system::error_code error;
  const auto count = socket.read_some(asio::buffer(space.data(), space.size()), error);
  if (error && !would_block(error)) {
    broken(error == asio::error::eof ? "the peer closed the connection" : error.message());
    return 0;
  }
  decoder.received(count);
  if (count < space.size()) {
    readable = false;
    wait_readable();
  }
  return count;
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
    self->on_readable();
  });
}

// Writing
// --------------------------------------------------------------------------------------------------------------

/// False when the connection was ended instead.
bool ZmqSocket::State::answer(std::string bytes) {
  if (unread_answer_bytes > most_unread_answer_bytes) {
    violated(fmt::format("The peer sends commands and does not read the answers; {} bytes of them wait",
                         unread_answer_bytes));
    return false;
  }
  send({.bytes = std::move(bytes)});
  return true;
}

void ZmqSocket::State::send(Output next) {
  (next.is_message ? unsent_bytes : unread_answer_bytes) += next.bytes.size();
  if (next.is_message && !connected) {
    waiting.push_back(std::move(next));
    return;
  }
  output.push_back(std::move(next));
  write();
}

void ZmqSocket::State::write() {
  std::size_t written_now = 0;
  while (!output.empty() && !waiting_writable) {
    const auto& [bytes, is_message] = output.front();
    const auto size = std::min(bytes.size() - written_bytes, largest_write);
    boost::system::error_code error;
    const auto count = socket.write_some(asio::buffer(bytes.data() + written_bytes, size), error);
    // The reading side tells of the end, after what came before it.
    if (error && !would_block(error)) return;
    written_bytes += count;
    written_now += count;
    if (written_bytes == bytes.size()) {
      (is_message ? unsent_bytes : unread_answer_bytes) -= bytes.size();
      output.pop_front();
      written_bytes = 0;
    }
    if (count < size || (written_now >= turn_written_bytes && !output.empty())) return wait_writable();
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

ZmqSocket::ZmqSocket(const Executor& executor, ZmqSocketType type, std::string_view routing_id,
                     ZmtpLimits limits)
    : state_(std::make_shared<State>(executor, type, routing_id, limits)) {}

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

bool ZmqSocket::receive(std::size_t most_bytes) {
  // Only connected sockets have messages; the handshake is not the owner's.
  return state_->connected && state_->advance(most_bytes);
}

std::span<const std::string_view> ZmqSocket::frames() const {
  return state_->decoder.frames();
}

bool ZmqSocket::is_oversized() const {
  return state_->oversized;
}

std::uint64_t ZmqSocket::message_size() const {
  return state_->decoder.message_size();
}

void ZmqSocket::look_now() {
  state_->readable = state_->connected;
}

void ZmqSocket::poll_again() {
  state_->schedule();
}

std::size_t ZmqSocket::unsent_bytes() const {
  return state_->unsent_bytes;
}

Result<void> ZmqSocket::send(std::span<const std::string_view> frames) {
  if (state_->unsent_bytes > most_unsent_bytes) {
    return make_error(ErrorCode::resource_limit,
                      "{} MiB of messages wait already for the peer at {}, which does not read them",
                      state_->unsent_bytes >> 20, state_->address);
  }
  std::string bytes;
  append_zmtp_message(bytes, frames);
  state_->send({.bytes = std::move(bytes), .is_message = true});
  return {};
}

}  // namespace nextgen_kernels
