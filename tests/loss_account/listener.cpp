#include "listener.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <sys/socket.h>

#include "../../benchmarks/relay/v1_message.h"
#include "../../benchmarks/relay/web_socket_frame.h"
#include "synthetic_kernel/stream_messages.h"

namespace nextgen_kernels::loss_account {

namespace relay = benchmarks;

namespace {

constexpr std::size_t receive_size = std::size_t{256} << 10;
constexpr std::string_view key = "dGhlIHNhbXBsZSBub25jZQ==";
constexpr std::string_view notice = R"("name":"stderr")";

}  // namespace

void Account::count(std::uint64_t number) {
  ++received;
  if (number < next) {
    ++duplicated;
    return;
  }
  lost += number - next;
  next = number + 1;
}

Listener::Listener(Target target, std::string session)
    : target_(std::move(target)), session_(std::move(session)) {}

void Listener::connect() {
  socket_ = relay::connect_to_loopback(target_.port);
  const auto resume =
      journal_.empty() ? std::string() : fmt::format("&resume_from={}:{}", journal_, next_frame_);
  relay::send_all(
      socket_,
      fmt::format("GET /api/kernels/{}/channels?session_id={}{} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n"
                  "Authorization: token {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {}\r\nSec-WebSocket-Protocol: {}\r\n\r\n",
                  target_.kernel_id, session_, resume, target_.port, target_.token, key,
                  relay::v1_subprotocol));
  const auto answer = relay::receive_http_head(socket_);
  const auto head_size = answer.find("\r\n\r\n") + 4;
  const auto head = std::string_view(answer).substr(0, head_size);
  if (!head.starts_with("HTTP/1.1 101 "))
    throw std::runtime_error(fmt::format("the server refused {}: {}", resume, answer));
  journal_ = relay::http_field(head, "Nextgen-Kernels-Journal");
  const auto first = std::stoull(std::string(relay::http_field(head, "Nextgen-Kernels-First-Frame")));
  if (!resume.empty() && first != next_frame_)
    throw std::runtime_error(fmt::format("asked for frame {}, but the first one is {}", next_frame_, first));
  next_frame_ = first;
  ++account_.connections;
  buffer_.clear();
  take(std::string_view(answer).substr(head_size));
}

void Listener::cut_off() {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  socket_ = {};
}

bool Listener::receive_some() {
  static thread_local std::string bytes(receive_size, '\0');
  const auto count = recv(socket_.get(), bytes.data(), bytes.size(), 0);
  if (count < 0) relay::fail_system_call("recv");
  if (count == 0) return false;
  take(std::string_view(bytes).substr(0, static_cast<std::size_t>(count)));
  return true;
}

void Listener::take(std::string_view bytes) {
  // Most reads end inside a frame; only that frame is put aside.
  if (!buffer_.empty()) {
    buffer_ += bytes;
    bytes = buffer_;
  }
  while (const auto header = relay::parse_frame_header(bytes)) {
    const auto size = header->header_size + header->payload_size;
    if (bytes.size() < size) break;
    const auto payload = bytes.substr(header->header_size, header->payload_size);
    if (header->opcode == relay::Opcode::binary)
      handle_message(payload);
    else if (header->opcode == relay::Opcode::ping)
      relay::send_all(socket_, relay::client_frame(relay::Opcode::pong, payload));
    else
      throw std::runtime_error(
          fmt::format("the server sent a frame of kind {}", fmt::underlying(header->opcode)));
    bytes.remove_prefix(size);
  }
  buffer_ = std::string(bytes);
}

void Listener::handle_message(std::string_view payload) {
  ++next_frame_;
  const auto message = relay::decode_v1(payload);
  if (!message) throw std::runtime_error("a message has wrong offsets");
  if (const auto number = synthetic::sequence_number(message->content))
    account_.count(*number);
  else if (message->content.contains(notice))
    ++account_.notices;
}

void Listener::execute(std::string_view code) {
  const synthetic::MessageParts parts{
      .header = synthetic::make_header(session_ + "_1", "execute_request", session_),
      .content = fmt::format(R"({{"code": "{}", "silent": false, "store_history": true, )"
                             R"("user_expressions": {{}}, "allow_stdin": false, "stop_on_error": true}})",
                             code)};
  relay::send_all(socket_, relay::client_frame(relay::Opcode::binary, relay::encode_v1("shell", parts)));
}

void Listener::note_behind(std::uint64_t other) {
  if (other > account_.received)
    account_.furthest_behind = std::max(account_.furthest_behind, other - account_.received);
}

const Account& Listener::close(std::uint64_t messages) {
  socket_ = {};
  if (account_.next < messages) account_.lost += messages - account_.next;
  account_.next = messages;
  return account_;
}

}  // namespace nextgen_kernels::loss_account
