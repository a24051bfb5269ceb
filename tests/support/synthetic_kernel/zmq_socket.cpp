#include "synthetic_kernel/zmq_socket.h"

#include <array>
#include <cerrno>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <zmq.h>

namespace nextgen_kernels::synthetic {
namespace {

/// How long a message that was sent before the process ends may still be on its way.
constexpr int linger_ms = 1000;

[[noreturn]] void fail(std::string_view operation, std::string_view subject = {}) {
  throw std::runtime_error(
      fmt::format("{}{}{}: {}", operation, subject.empty() ? "" : " ", subject, zmq_strerror(zmq_errno())));
}

/// Waits out signals, which the programs that use this take from a signalfd.
template <typename Operation>
int retry_interrupted(const Operation& operation) {
  while (true) {
    const int result = operation();
    if (result >= 0 || zmq_errno() != EINTR) return result;
  }
}

class ReceivedFrame {
 public:
  ReceivedFrame() { zmq_msg_init(&message_); }
  ~ReceivedFrame() { zmq_msg_close(&message_); }
  ReceivedFrame(const ReceivedFrame&) = delete;
  ReceivedFrame& operator=(const ReceivedFrame&) = delete;

  zmq_msg_t* get() { return &message_; }
  std::string text() { return {static_cast<const char*>(zmq_msg_data(&message_)), zmq_msg_size(&message_)}; }
  bool has_more() { return zmq_msg_more(&message_) != 0; }

 private:
  zmq_msg_t message_;
};

}  // namespace

ZmqContext::ZmqContext() : handle_(zmq_ctx_new()) {
  if (handle_ == nullptr) fail("zmq_ctx_new");
}

ZmqContext::~ZmqContext() {
  zmq_ctx_term(handle_);
}

ZmqSocket::ZmqSocket(const ZmqContext& context, int type) : handle_(zmq_socket(context.handle(), type)) {
  if (handle_ == nullptr) fail("zmq_socket");
  set(ZMQ_SNDHWM, 0);
  set(ZMQ_RCVHWM, 0);
  set(ZMQ_LINGER, linger_ms);
}

ZmqSocket::~ZmqSocket() {
  zmq_close(handle_);
}

void ZmqSocket::set(int option, int value) {
  if (zmq_setsockopt(handle_, option, &value, sizeof value) != 0) fail("zmq_setsockopt");
}

void ZmqSocket::set(int option, std::string_view value) {
  if (zmq_setsockopt(handle_, option, value.data(), value.size()) != 0) fail("zmq_setsockopt");
}

void ZmqSocket::bind(const std::string& endpoint) {
  if (zmq_bind(handle_, endpoint.c_str()) != 0) fail("bind", endpoint);
}

void ZmqSocket::connect(const std::string& endpoint) {
  if (zmq_connect(handle_, endpoint.c_str()) != 0) fail("connect", endpoint);
}

std::string ZmqSocket::bound_endpoint() const {
  std::array<char, 256> text{};
  std::size_t size = text.size();
  if (zmq_getsockopt(handle_, ZMQ_LAST_ENDPOINT, text.data(), &size) != 0) fail("zmq_getsockopt");
  return text.data();
}

void ZmqSocket::send(std::span<const std::string_view> frames) {
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const int flags = i + 1 < frames.size() ? ZMQ_SNDMORE : 0;
    const auto frame = frames[i];
    if (retry_interrupted([&] { return zmq_send(handle_, frame.data(), frame.size(), flags); }) < 0)
      fail("zmq_send");
  }
}

void ZmqSocket::send(const Frames& frames) {
  const std::vector<std::string_view> views(frames.begin(), frames.end());
  send(std::span<const std::string_view>(views));
}

std::optional<Frames> ZmqSocket::try_receive() {
  return receive_message(ZMQ_DONTWAIT);
}

Frames ZmqSocket::receive() {
  auto frames = receive_message(0);
  if (!frames) throw std::runtime_error("no message arrived in time");
  return std::move(*frames);
}

std::optional<Frames> ZmqSocket::receive_message(int flags) {
  Frames frames;
  while (true) {
    ReceivedFrame frame;
    if (retry_interrupted([&] { return zmq_msg_recv(frame.get(), handle_, flags); }) < 0) {
      if (zmq_errno() == EAGAIN) return std::nullopt;
      fail("zmq_msg_recv");
    }
    frames.push_back(frame.text());
    if (!frame.has_more()) return frames;
  }
}

}  // namespace nextgen_kernels::synthetic
