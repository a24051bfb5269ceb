#include "runtime/zmq_socket.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include <boost/asio/post.hpp>
#include <zmq.h>

#include "base/log.h"

namespace nextgen_kernels {
namespace {

// Restarted kernels bind their ports within milliseconds; libzmq's default of 100 ms would be most of a fast
// start.
constexpr int reconnect_interval_ms = 20;
constexpr int reconnect_interval_max_ms = 200;
// What was sent last has this long to leave after a socket was closed; the end of the program waits for it.
constexpr int linger_ms = 100;

int to_zmq(ZmqSocketType type) {
  switch (type) {
    case ZmqSocketType::dealer:
      return ZMQ_DEALER;
    case ZmqSocketType::sub:
      return ZMQ_SUB;
  }
  return ZMQ_DEALER;
}

void set_option(void* socket, int option, int value) {
  if (::zmq_setsockopt(socket, option, &value, sizeof value) != 0)
    throw std::runtime_error(fmt::format("zmq_setsockopt({}): {}", option, ::zmq_strerror(errno)));
}

/// A libzmq message with the lifetime of the object; reused for many receives.
struct Frame {
  Frame() { ::zmq_msg_init(&message); }
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;
  ~Frame() { ::zmq_msg_close(&message); }
  std::string_view bytes() {
    return {static_cast<const char*>(::zmq_msg_data(&message)), ::zmq_msg_size(&message)};
  }
  zmq_msg_t message;
};

/// Waits for readability of a descriptor that libzmq owns.
class BorrowedDescriptor {
 public:
  BorrowedDescriptor(const Executor& executor, void* socket) : descriptor_(executor) {
    int fd = -1;
    std::size_t size = sizeof fd;
    if (::zmq_getsockopt(socket, ZMQ_FD, &fd, &size) != 0)
      throw std::runtime_error("zmq_getsockopt(ZMQ_FD) failed");
    descriptor_.assign(fd);
  }
  BorrowedDescriptor(const BorrowedDescriptor&) = delete;
  BorrowedDescriptor& operator=(const BorrowedDescriptor&) = delete;
  ~BorrowedDescriptor() {
    if (descriptor_.is_open()) descriptor_.release();
  }
  template <typename Handler>
  void async_wait(Handler handler) {
    descriptor_.async_wait(asio::posix::stream_descriptor::wait_read, std::move(handler));
  }

 private:
  asio::posix::stream_descriptor descriptor_;
};

}  // namespace

ZmqContext::ZmqContext() : context_(::zmq_ctx_new()) {
  if (context_ == nullptr) throw std::runtime_error("zmq_ctx_new failed");
  // Five sockets a kernel and a monitor: the default of 1023 would end near 170 kernels.
  ::zmq_ctx_set(context_, ZMQ_MAX_SOCKETS, 65535);
}

ZmqContext::~ZmqContext() {
  ::zmq_ctx_term(context_);
}

struct ZmqSocket::State : std::enable_shared_from_this<State> {
  State(ZmqContext& context, const Executor& e, ZmqSocketType type)
      : executor(e), context_handle(context.handle()), socket(::zmq_socket(context.handle(), to_zmq(type))) {
    if (socket == nullptr) throw std::runtime_error(fmt::format("zmq_socket: {}", ::zmq_strerror(errno)));
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { close(); }

  void close() {
    descriptor.reset();
    monitor_descriptor.reset();
    if (monitor_socket != nullptr) {
      ::zmq_socket_monitor(socket, nullptr, 0);
      ::zmq_close(monitor_socket);
      monitor_socket = nullptr;
    }
    if (socket != nullptr) ::zmq_close(socket);
    socket = nullptr;
  }

  void wait() {
    descriptor->async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
      const auto self = weak.lock();
      if (error || !self || self->socket == nullptr) return;
      self->wait();
      self->activity();
    });
  }

  void activity() {
    if (on_activity) on_activity();
  }

  void schedule() {
    if (scheduled) return;
    scheduled = true;
    asio::post(executor, [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (!self || self->socket == nullptr) return;
      self->scheduled = false;
      self->activity();
    });
  }

  void wait_monitor() {
    monitor_descriptor->async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
      const auto self = weak.lock();
      if (error || !self || self->monitor_socket == nullptr) return;
      self->wait_monitor();
      self->drain_monitor();
    });
  }

  // An event is two frames: u16 event and u32 value, then the endpoint (zmq_socket_monitor(3)).
  void drain_monitor() {
    while (monitor_socket != nullptr) {
      Frame event;
      if (::zmq_msg_recv(&event.message, monitor_socket, ZMQ_DONTWAIT) < 0) return;
      Frame endpoint;
      ::zmq_msg_recv(&endpoint.message, monitor_socket, ZMQ_DONTWAIT);
      std::uint16_t kind = 0;
      if (event.bytes().size() < sizeof kind) continue;
      std::memcpy(&kind, event.bytes().data(), sizeof kind);
      if (kind == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) on_connection(ZmqConnectionEvent::connected);
      if (kind == ZMQ_EVENT_DISCONNECTED) on_connection(ZmqConnectionEvent::disconnected);
    }
  }

  Executor executor;
  void* context_handle;
  void* socket;
  void* monitor_socket = nullptr;
  std::unique_ptr<BorrowedDescriptor> descriptor;
  std::unique_ptr<BorrowedDescriptor> monitor_descriptor;
  std::function<void()> on_activity;
  std::function<void(ZmqConnectionEvent)> on_connection;
  std::vector<std::unique_ptr<Frame>> received;
  bool scheduled = false;
};

ZmqSocket::ZmqSocket(ZmqContext& context, const Executor& executor, ZmqSocketType type,
                     std::string_view routing_id)
    : state_(std::make_shared<State>(context, executor, type)) {
  void* socket = state_->socket;
  set_option(socket, ZMQ_LINGER, linger_ms);
  set_option(socket, ZMQ_RECONNECT_IVL, reconnect_interval_ms);
  set_option(socket, ZMQ_RECONNECT_IVL_MAX, reconnect_interval_max_ms);
  // The journal bounds what is kept; a full queue here would make the kernel's PUB socket drop messages
  // silently.
  set_option(socket, ZMQ_RCVHWM, 0);
  set_option(socket, ZMQ_SNDHWM, 0);
  if (!routing_id.empty()) ::zmq_setsockopt(socket, ZMQ_ROUTING_ID, routing_id.data(), routing_id.size());
  if (type == ZmqSocketType::sub) ::zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "", 0);
}

ZmqSocket::~ZmqSocket() {
  state_->close();
}

Result<void> ZmqSocket::connect(const std::string& endpoint) {
  if (::zmq_connect(state_->socket, endpoint.c_str()) != 0)
    return make_error(ErrorCode::io, "Cannot connect to {}: {}", endpoint, ::zmq_strerror(errno));
  return {};
}

void ZmqSocket::send_only_when_connected() {
  set_option(state_->socket, ZMQ_IMMEDIATE, 1);
}

bool ZmqSocket::can_send() const {
  int events = 0;
  std::size_t size = sizeof events;
  return ::zmq_getsockopt(state_->socket, ZMQ_EVENTS, &events, &size) == 0 && (events & ZMQ_POLLOUT) != 0;
}

void ZmqSocket::start(std::function<void()> on_activity) {
  state_->on_activity = std::move(on_activity);
  state_->descriptor = std::make_unique<BorrowedDescriptor>(state_->executor, state_->socket);
  state_->wait();
  state_->schedule();
}

bool ZmqSocket::receive() {
  frames_.clear();
  auto& received = state_->received;
  for (std::size_t index = 0;; ++index) {
    if (index == received.size()) received.push_back(std::make_unique<Frame>());
    auto& frame = *received[index];
    // Only the first frame can be missing: libzmq delivers whole messages.
    while (::zmq_msg_recv(&frame.message, state_->socket, ZMQ_DONTWAIT) < 0) {
      if (errno == EINTR) continue;
      frames_.clear();
      return false;
    }
    frames_.push_back(frame.bytes());
    if (::zmq_msg_more(&frame.message) == 0) return true;
  }
}

void ZmqSocket::poll_again() {
  state_->schedule();
}

Result<void> ZmqSocket::send(std::span<const std::string_view> frames) {
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const int flags = ZMQ_DONTWAIT | (i + 1 < frames.size() ? ZMQ_SNDMORE : 0);
    while (::zmq_send(state_->socket, frames[i].data(), frames[i].size(), flags) < 0) {
      if (errno == EINTR) continue;
      return make_error(ErrorCode::unavailable, "Cannot send to the kernel: {}", ::zmq_strerror(errno));
    }
  }
  // Sending can consume the descriptor's edge (zmq_getsockopt(3), ZMQ_FD): look again.
  state_->schedule();
  return {};
}

void ZmqSocket::monitor(std::function<void(ZmqConnectionEvent)> on_event) {
  static std::atomic<unsigned> counter{0};
  const auto address = fmt::format("inproc://nextgen-kernels-monitor-{}", counter.fetch_add(1));
  state_->on_connection = std::move(on_event);
  if (::zmq_socket_monitor(state_->socket, address.c_str(),
                           ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED) != 0)
    throw std::runtime_error(fmt::format("zmq_socket_monitor: {}", ::zmq_strerror(errno)));
  state_->monitor_socket = ::zmq_socket(state_->context_handle, ZMQ_PAIR);
  if (state_->monitor_socket == nullptr || ::zmq_connect(state_->monitor_socket, address.c_str()) != 0)
    throw std::runtime_error(fmt::format("zmq monitor: {}", ::zmq_strerror(errno)));
  state_->monitor_descriptor = std::make_unique<BorrowedDescriptor>(state_->executor, state_->monitor_socket);
  state_->wait_monitor();
  asio::post(state_->executor, [weak = std::weak_ptr(state_)] {
    if (const auto self = weak.lock()) self->drain_monitor();
  });
}

}  // namespace nextgen_kernels
