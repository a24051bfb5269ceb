#include "server/event_websocket.h"

#include <algorithm>
#include <array>
#include <utility>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/write.hpp>

#include "base/log.h"

namespace nextgen_kernels {
namespace {

using namespace boost::asio::experimental::awaitable_operators;
using std::chrono::steady_clock;

constexpr std::size_t most_waiting_bytes = std::size_t{4} * 1024 * 1024;
constexpr std::size_t largest_message = 64 * 1024;
constexpr int silent_pings = 3;

}  // namespace

EventWebSocket::EventWebSocket(const Executor& executor, UserPointer user, EventBus& bus, Settings settings)
    : user_(std::move(user)),
      settings_(settings),
      decoder_({.role = WebSocketDecoder::Role::server,
                .text_validation = WebSocketDecoder::TextValidation::none,
                .max_message_size = largest_message}),
      changed_(executor),
      subscription_(bus.subscribe(*this)) {}

Task<void> EventWebSocket::serve(ClientSocket socket, std::string received) {
  socket_ = std::move(socket);
  last_heard_ = steady_clock::now();
  co_await (read(std::move(received)) || write() || watch());
  boost::system::error_code ignored;
  // What the system still holds for a client that reads nothing must not stay.
  if (falls_behind_) socket_->set_option(asio::socket_base::linger(true, 0), ignored);
  socket_->close(ignored);
}

void EventWebSocket::close(std::uint16_t code, std::string_view reason) {
  if (std::exchange(closing_, true)) return;
  frames_.push_back(encode_websocket_frame(WebSocketOpcode::close, close_payload(code, reason)));
  changed_.notify_all();
}

void EventWebSocket::send(std::string_view text) {
  queue(WebSocketOpcode::text, text);
}

void EventWebSocket::on_event(const std::shared_ptr<const std::string>& json,
                              const std::optional<std::string>& owner) {
  if (!owner || user_->has_kernels_of(*owner)) queue(WebSocketOpcode::text, *json);
}

void EventWebSocket::queue(WebSocketOpcode opcode, std::string_view payload) {
  if (closing_) return;
  if (waiting_bytes_ + payload.size() > most_waiting_bytes) {
    log_warning("A listener to events has {} bytes of them unread: it is cut off", waiting_bytes_);
    closing_ = falls_behind_ = true;
    changed_.notify_all();
    return;
  }
  frames_.push_back(encode_websocket_frame(opcode, payload));
  waiting_bytes_ += frames_.back().size();
  changed_.notify_all();
}

/// Ends when the client has gone, or said goodbye.
Task<void> EventWebSocket::read(std::string received) {
  std::array<char, 4096> bytes{};
  while (true) {
    decoder_.feed(received);
    while (const auto event = decoder_.next())
      if (!handle(*event)) co_return;
    if (const auto& failure = decoder_.failure(); failure) {
      close(failure->close_code, failure->message);
      co_await sleep_for(settings_.close_timeout);
      co_return;
    }
    const auto [error, count] = co_await socket_->async_read_some(asio::buffer(bytes), no_throw);
    if (error) co_return;
    last_heard_ = steady_clock::now();
    received.assign(bytes.data(), count);
  }
}

bool EventWebSocket::handle(const WebSocketEvent& event) {
  if (event.opcode == WebSocketOpcode::ping) queue(WebSocketOpcode::pong, event.payload);
  if (event.opcode != WebSocketOpcode::close) return true;  // What clients say otherwise means nothing here.
  if (closing_) return false;
  close(event.close_code == websocket_close::no_status ? websocket_close::normal : event.close_code, "");
  return true;  // The writer ends it.
}

/// True when nothing was heard for so long that the client is gone.
bool EventWebSocket::note_silence() {
  if (steady_clock::now() - last_heard_ > silent_pings * settings_.ping_interval) return true;
  queue(WebSocketOpcode::ping, "");
  return false;
}

/// Ends when the client has gone, or has been said goodbye to.
Task<void> EventWebSocket::write() {
  while (true) {
    while (!frames_.empty())
      if (!co_await write_first_frame()) co_return;
    if (closing_) break;
    co_await changed_.wait();
  }
  // For its answer.
  co_await sleep_for(settings_.close_timeout);
}

/// False when the client has gone.
Task<bool> EventWebSocket::write_first_frame() {
  asio::const_buffer rest = asio::buffer(frames_.front());
  while (rest.size() > 0) {
    const auto [error, count] = co_await socket_->async_write_some(rest, no_throw);
    if (error) co_return false;
    last_heard_ = steady_clock::now();  // It reads.
    rest += count;
  }
  waiting_bytes_ -= std::min(waiting_bytes_, frames_.front().size());
  frames_.pop_front();
  co_return true;
}

/// Ends when the client is to be cut off, whether or not anything can be written to it: it falls behind, is
/// gone without a word, or does not take the goodbye.
Task<void> EventWebSocket::watch() {
  const bool pings = settings_.ping_interval > steady_clock::duration::zero();
  auto next_ping = steady_clock::now() + settings_.ping_interval;
  while (!closing_) {
    co_await changed_.wait_until(pings ? next_ping : steady_clock::time_point::max());
    if (closing_ || !pings || steady_clock::now() < next_ping) continue;
    if (note_silence()) co_return;
    next_ping = steady_clock::now() + settings_.ping_interval;
  }
  if (!falls_behind_) co_await sleep_for(2 * settings_.close_timeout);
}

}  // namespace nextgen_kernels
