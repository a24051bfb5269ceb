#include "clients/zmq/jupyter_server_kernel_client.h"

#include <algorithm>
#include <bit>
#include <list>

#include "base/log.h"
#include "base/random.h"
#include "base/strings.h"
#include "clients/zmq/zmq_endpoints.h"
#include "journal/stand_in.h"
#include "wire/json.h"
#include "wire/kernel_frames.h"
#include "wire/signer.h"
#include "wire/v1_message.h"

namespace nextgen_kernels {
namespace {

using std::chrono::steady_clock;

// One turn of the event loop takes at most this many messages, then lets others run.
constexpr int iopub_budget = 256;
constexpr int other_budget = 16;
// Nor more bytes than a turn writes to each listener, or they fall behind a kernel that says a lot.
constexpr std::size_t turn_bytes = std::size_t{1024} * 1024;
// More than the buffers of the sockets hold; a kernel that lives on and never stops speaking is not listened
// to for ever.
constexpr int last_words_budget = 100'000;
constexpr std::size_t last_words_bytes = std::size_t{32} * 1024 * 1024;
// Replies wait for outputs that keep coming, but not for ever.
constexpr int iopub_turns_before_others = 64;

// A lost first status (the kernel published before our subscription reached it) is asked for again after this
// long.
constexpr auto first_repeat = std::chrono::milliseconds(50);
constexpr auto longest_repeat = std::chrono::seconds(1);
// Kernels that publish no status at all, or have no stdin, are taken as they are, this long after their
// reply.
constexpr auto patience_after_reply = std::chrono::seconds(10);
// The timer of a start that rings so much too late says that this program was stopped, not that the kernel is
// slow.
constexpr auto late_timer = std::chrono::seconds(1);
// A kernel that gives a sign of life, but so long no answer on shell, is busy.
constexpr auto patience_with_the_busy = std::chrono::seconds(2);

// Of clients of servers that are gone, each of which was killed before the kernel had answered everything: so
// many servers may one cell outlive. Each costs two connections.
constexpr std::size_t most_earlier_peers = 32;

// Of a message, with the identities before it.
constexpr std::size_t most_frames = V1Message::maximum_buffer_count + 16;

constexpr std::array<std::string_view, 2> ping = {"", "ping"};  // As a REQ socket sends it.

/// As we make them.
bool is_identity(std::string_view text) {
  return text.size() == 32 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

/// What a client of a server that is gone leaves to this one.
struct Inheritance {
  std::string session;
  std::vector<std::string> identities;  ///< Newest first.
};

/// Nothing of it when it is not as `adoption_record` wrote it.
Inheritance read_inheritance(const nlohmann::json& record) {
  try {
    Inheritance inheritance{.session = record.at("session"), .identities = record.at("identities")};
    if (inheritance.identities.size() > most_earlier_peers) {
      log_warning(
          "A kernel has outlived {} servers without being idle once: replies to what was asked "
          "through the first of them are lost",
          inheritance.identities.size());
      inheritance.identities.resize(most_earlier_peers);
    }
    std::erase_if(inheritance.identities, [](const auto& identity) { return !is_identity(identity); });
    return inheritance;
  } catch (const nlohmann::json::exception&) {
    return {};
  }
}

}  // namespace

/// The name of a client that is gone, at the kernel: answers to what it asked come to whoever has it.
struct JupyterServerKernelClient::EarlierPeer {
  EarlierPeer(const Executor& executor, std::string name, ZmtpLimits limits)
      : identity(std::move(name)),
        shell(executor, ZmqSocketType::dealer, identity, limits),
        stdin_(executor, ZmqSocketType::dealer, identity, limits) {}

  std::string identity;
  ZmqSocket shell;
  ZmqSocket stdin_;
};

/// The sockets of one connection; made new for every process of the kernel.
struct JupyterServerKernelClient::Connection {
  Connection(JupyterServerKernelClient& client, Signer s)
      : signer(std::move(s)),
        liveness(client.heartbeat_),
        identity(random_hex(16)),
        shell(client.executor_, ZmqSocketType::dealer, identity, client.limits_),
        control(client.executor_, ZmqSocketType::dealer, identity, client.limits_),
        stdin_(client.executor_, ZmqSocketType::dealer, identity, client.limits_),
        iopub(client.executor_, ZmqSocketType::sub, {}, client.limits_),
        heartbeat(client.executor_, ZmqSocketType::dealer, {}) {}

  ZmqSocket& socket(Channel channel) {
    switch (channel) {
      case Channel::shell:
        return shell;
      case Channel::control:
        return control;
      case Channel::stdin_:
        return stdin_;
      case Channel::iopub:
        return iopub;
      case Channel::heartbeat:
        return heartbeat;
    }
    return shell;
  }

  /// Which channels have no connection, and why; empty when all have one.
  std::string failures() {
    std::string text;
    for (const auto channel :
         {Channel::shell, Channel::iopub, Channel::control, Channel::stdin_, Channel::heartbeat}) {
      if (const auto& failure = socket(channel).last_failure(); !failure.empty())
        text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", to_string(channel), failure);
    }
    return text;
  }

  Signer signer;
  HeartbeatWatch liveness;
  // The same on shell and stdin: the kernel sends its input_request to the identity that asked on shell.
  // Fresh for every connection: a kernel's ROUTER drops what comes from an identity that an older connection
  // still holds.
  std::string identity;
  ZmqSocket shell;
  ZmqSocket control;
  ZmqSocket stdin_;
  ZmqSocket iopub;
  ZmqSocket heartbeat;
  std::list<EarlierPeer> earlier;
  bool earlier_owed = true;  ///< The kernel may have replies to send to them.
  /// What is read after iopub, in this order.
  std::vector<std::pair<Channel, ZmqSocket*>> others = {{Channel::shell, &shell},
                                                        {Channel::control, &control},
                                                        {Channel::stdin_, &stdin_},
                                                        {Channel::heartbeat, &heartbeat}};
  bool iopub_proven = false;                      ///< Something arrived on iopub: the subscription works.
  std::optional<steady_clock::time_point> heard;  ///< First sign of life: a heartbeat, a signed message.
  bool verified = false;                          ///< A message with a right signature came.
  int iopub_turns = 0;
  std::uint64_t rejected = 0;
  std::string last_rejection;
};

JupyterServerKernelClient::JupyterServerKernelClient(Executor executor, MessageSink& sink,
                                                     HeartbeatWatch::Options heartbeat,
                                                     std::size_t message_limit_bytes)
    : executor_(executor),
      sink_(sink),
      heartbeat_(heartbeat),
      limits_({.kept_bytes = message_limit_bytes, .kept_frames = most_frames}),
      session_(random_uuid()),
      changed_(executor),
      tasks_(executor) {}

JupyterServerKernelClient::~JupyterServerKernelClient() {
  tasks_.cancel();
  connection_.reset();
}

Task<Result<void>> JupyterServerKernelClient::connect(ConnectionInfo info, steady_clock::duration timeout) {
  if (auto opened = open_sockets(info, {}); !opened) co_return opened;
  const auto number = connection_number_;
  auto answered = co_await wait_for_answer(timeout);
  if (!answered) {
    if (number == connection_number_) disconnect();
    co_return answered;
  }
  tasks_.spawn("heartbeat", beat());
  co_return Result<void>{};
}

nlohmann::json JupyterServerKernelClient::adoption_record() const {
  if (connection_ == nullptr) return nullptr;
  std::vector<std::string> identities = {connection_->identity};
  if (connection_->earlier_owed)
    for (const auto& peer : connection_->earlier) identities.push_back(peer.identity);
  return {{"session", session_}, {"identities", std::move(identities)}};
}

Task<Result<KernelClient::Answer>> JupyterServerKernelClient::reconnect(ConnectionInfo info,
                                                                        nlohmann::json record,
                                                                        steady_clock::duration timeout) {
  auto inheritance = read_inheritance(record);
  if (!inheritance.session.empty()) session_ = std::move(inheritance.session);
  if (auto opened = open_sockets(info, inheritance.identities); !opened)
    co_return std::unexpected(opened.error());
  const auto number = connection_number_;
  auto answer = co_await wait_for_life(timeout);
  if (number != connection_number_)
    co_return make_error(ErrorCode::unavailable,
                         "The connection to the kernel was closed before it answered");
  if (answer)
    tasks_.spawn("heartbeat", beat());
  else
    disconnect();
  co_return answer;
}

/// Their sockets stay: what the kernel has sent may not have been read yet.
void JupyterServerKernelClient::end_inheritance() {
  if (connection_ != nullptr) connection_->earlier_owed = false;
}

Result<void> JupyterServerKernelClient::open_sockets(const ConnectionInfo& info,
                                                     const std::vector<std::string>& earlier_identities) {
  disconnect();
  const auto endpoints = ZmqEndpoints::from(info);
  if (!endpoints) return std::unexpected(endpoints.error());
  auto signer = Signer::make(endpoints->signature_scheme, endpoints->key);
  if (!signer) return std::unexpected(signer.error());

  connection_ = std::make_unique<Connection>(*this, std::move(*signer));
  std::vector<std::pair<ZmqSocket*, const std::string*>> sockets = {
      {&connection_->iopub, &endpoints->iopub},
      {&connection_->shell, &endpoints->shell},
      {&connection_->control, &endpoints->control},
      {&connection_->stdin_, &endpoints->stdin_},
      {&connection_->heartbeat, &endpoints->heartbeat}};
  for (const auto& identity : earlier_identities) {
    auto& peer = connection_->earlier.emplace_back(executor_, identity, limits_);
    sockets.emplace_back(&peer.shell, &endpoints->shell);
    sockets.emplace_back(&peer.stdin_, &endpoints->stdin_);
    connection_->others.emplace_back(Channel::shell, &peer.shell);
    connection_->others.emplace_back(Channel::stdin_, &peer.stdin_);
  }
  for (const auto& [socket, endpoint] : sockets) {
    socket->on_connection([this](ZmqConnectionEvent) { changed_.notify_all(); });
    if (auto connected = socket->connect(*endpoint); !connected) {
      disconnect();
      return connected;
    }
    socket->start([this] { pump(); });
  }
  return {};
}

void JupyterServerKernelClient::disconnect() {
  tasks_.cancel();
  take_last_words();
  connection_.reset();
  ++connection_number_;
  own_requests_.clear();
  kernel_info_ = nullptr;
  changed_.notify_all();  // Who waits for an answer gets none.
}

Task<Result<void>> JupyterServerKernelClient::wait_for_answer(steady_clock::duration timeout) {
  const auto number = connection_number_;
  auto started = steady_clock::now();
  auto repeat = std::chrono::duration_cast<steady_clock::duration>(first_repeat);
  auto next_request = started;
  steady_clock::time_point replied_at{};
  while (true) {
    const auto now = steady_clock::now();
    const bool replied = !kernel_info_.is_null();
    if (replied && replied_at == steady_clock::time_point{}) replied_at = now;
    if (replied && connection_->iopub_proven && connection_->stdin_.connected()) co_return Result<void>{};
    if (replied && now - replied_at > patience_after_reply) {
      log_warning("The kernel answers, but {} within {} s: going on without",
                  connection_->iopub_proven ? "took no connection on stdin" : "published nothing on iopub",
                  std::chrono::duration_cast<std::chrono::seconds>(patience_after_reply).count());
      co_return Result<void>{};
    }
    if (now - started >= timeout) break;

    // Before its first answer a kernel may be busy with starting: one request waits for it in the socket.
    // Afterwards it is the status on iopub that we miss, and asking again makes the kernel publish it.
    const bool may_ask = replied ? !connection_->iopub_proven : own_requests_.empty();
    if (connection_->iopub.connected() && now >= next_request && may_ask) {
      if (auto sent = send_request(Channel::shell, "kernel_info_request", "{}"); !sent)
        co_return std::unexpected(sent.error());
      next_request = now + repeat;
      repeat = std::min<steady_clock::duration>(repeat * 2, longest_repeat);
    }
    auto next_look = started + timeout;
    if (replied) next_look = std::min(next_look, replied_at + patience_after_reply);
    if (replied && !connection_->iopub_proven && connection_->iopub.connected())
      next_look = std::min(next_look, next_request);
    co_await changed_.wait_until(next_look);
    if (number != connection_number_)
      co_return make_error(ErrorCode::unavailable,
                           "The connection to the kernel was closed before it answered");
    if (const auto late = steady_clock::now() - next_look; late > late_timer) started += late;
  }
  const auto seconds = std::chrono::duration<double>(timeout).count();
  if (connection_->rejected > 0) {
    co_return make_error(
        ErrorCode::protocol,
        "The kernel did not answer with a valid message within {:g} s; {} messages were refused, the "
        "last because: {} Is it the kernel this connection file was written for?",
        seconds, connection_->rejected, as_sentence(connection_->last_rejection));
  }
  const auto failures = connection_->failures();
  co_return make_error(ErrorCode::timeout,
                       "The kernel did not answer kernel_info_request within {:g} s "
                       "(MappingKernelManager.kernel_info_timeout, or KERNEL_LAUNCH_TIMEOUT of the kernel){}",
                       seconds, failures.empty() ? "" : fmt::format("; no connection to {}", failures));
}

bool JupyterServerKernelClient::is_answered(const std::string& message_id) const {
  const auto request = own_requests_.find(message_id);
  return request != own_requests_.end() && request->second.has_value();
}

/// A kernel that runs something answers its heartbeat at once, many answer on control, and on shell none. The
/// first message that is signed proves that it is the right one.
Task<Result<KernelClient::Answer>> JupyterServerKernelClient::wait_for_life(steady_clock::duration timeout) {
  const auto number = connection_number_;
  auto limit = steady_clock::now() + timeout;
  std::string shell_request;
  std::string control_request;
  while (number == connection_number_) {
    auto& connection = *connection_;
    // What these make the kernel publish proves the subscription, which therefore goes first.
    if (shell_request.empty() && connection.iopub.connected()) {
      (void)connection.heartbeat.send(ping);
      auto shell = send_request(Channel::shell, "kernel_info_request", "{}");
      auto control = send_request(Channel::control, "kernel_info_request", "{}");
      if (!shell || !control) co_return std::unexpected((shell ? control : shell).error());
      shell_request = std::move(*shell);
      control_request = std::move(*control);
    }
    if (is_answered(shell_request) && connection.iopub_proven && connection.stdin_.connected())
      co_return Answer::complete;
    if (connection.rejected > 0 && !connection.verified) {
      co_return make_error(ErrorCode::protocol,
                           "Its messages are not signed with the key that was recorded: {}",
                           connection.last_rejection);
    }
    const auto now = steady_clock::now();
    if (connection.heard) limit = std::min(limit, *connection.heard + patience_with_the_busy);
    if (now >= limit) {
      if (connection.heard) co_return is_answered(shell_request) ? Answer::complete : Answer::alive;
      const auto failures = connection.failures();
      co_return make_error(ErrorCode::timeout, "It did not answer its heartbeat within {:g} s{}",
                           std::chrono::duration<double>(timeout).count(),
                           failures.empty() ? "" : fmt::format("; no connection to {}", failures));
    }
    co_await changed_.wait_until(limit);
  }
  co_return make_error(ErrorCode::unavailable, "The connection to the kernel was closed before it answered");
}

Result<std::string> JupyterServerKernelClient::send_request(Channel channel, std::string_view message_type,
                                                            std::string_view content,
                                                            std::string_view subshell_id) {
  const auto request = make_request(channel, message_type, content, session_, subshell_id);
  if (!request) return std::unexpected(request.error());
  const std::string message_id(request->header.msg_id);
  own_requests_.emplace(message_id, std::nullopt);
  if (auto sent = send(*request); !sent) {
    own_requests_.erase(message_id);
    return std::unexpected(sent.error());
  }
  return message_id;
}

Result<void> JupyterServerKernelClient::send(const OutgoingMessage& message) {
  if (connection_ == nullptr) return make_error(ErrorCode::unavailable, "Not connected to the kernel");
  const auto signature = connection_->signer.sign(message.parts);
  std::vector<std::string_view> frames = {kernel_frame_delimiter, signature};
  frames.insert(frames.end(), message.parts.begin(), message.parts.end());
  frames.insert(frames.end(), message.buffers.begin(), message.buffers.end());
  return connection_->socket(message.channel).send(frames);
}

std::size_t JupyterServerKernelClient::unsent_bytes(Channel channel) const {
  return connection_ == nullptr ? 0 : connection_->socket(channel).unsent_bytes();
}

Task<Result<nlohmann::json>> JupyterServerKernelClient::control_request(std::string message_type,
                                                                        nlohmann::json content,
                                                                        steady_clock::duration timeout) {
  return request(Channel::control, {}, std::move(message_type), std::move(content), timeout);
}

Task<Result<nlohmann::json>> JupyterServerKernelClient::shell_request(std::string message_type,
                                                                      nlohmann::json content,
                                                                      steady_clock::duration timeout) {
  return request(Channel::shell, {}, std::move(message_type), std::move(content), timeout);
}

Task<Result<nlohmann::json>> JupyterServerKernelClient::subshell_request(std::string subshell_id,
                                                                         std::string message_type,
                                                                         nlohmann::json content,
                                                                         steady_clock::duration timeout) {
  return request(Channel::shell, std::move(subshell_id), std::move(message_type), std::move(content),
                 timeout);
}

Task<Result<nlohmann::json>> JupyterServerKernelClient::request(Channel channel, std::string subshell_id,
                                                                std::string type, nlohmann::json content,
                                                                steady_clock::duration timeout) {
  const auto message_id = send_request(channel, type, content.dump(), subshell_id);
  if (!message_id) co_return std::unexpected(message_id.error());
  const auto limit = steady_clock::now() + timeout;
  while (true) {
    const auto request = own_requests_.find(*message_id);
    if (request == own_requests_.end())
      co_return make_error(ErrorCode::unavailable,
                           "The connection to the kernel was closed before it answered {}", type);
    if (request->second) {
      auto reply = std::move(*request->second);
      own_requests_.erase(request);
      co_return reply;
    }
    if (steady_clock::now() >= limit) {
      own_requests_.erase(request);
      co_return make_error(ErrorCode::timeout, "The kernel did not answer {} in time", type);
    }
    co_await changed_.wait_until(limit);
  }
}

void JupyterServerKernelClient::pump() {
  if (connection_ == nullptr) return;
  auto& connection = *connection_;
  // The event loop may know of a reply before it knows of the outputs that the kernel sent first.
  connection.iopub.look_now();
  if (drain(connection.iopub, Channel::iopub, {iopub_budget, turn_bytes}).is_spent()) {
    connection.iopub.poll_again();
    if (++connection.iopub_turns < iopub_turns_before_others) {
      sink_.flush();
      return;
    }
  }
  connection.iopub_turns = 0;
  for (const auto& [channel, socket] : connection.others) {
    if (drain(*socket, channel, {other_budget, turn_bytes}).is_spent()) socket->poll_again();
  }
  sink_.flush();
}

/// What the kernel said before its end may be here without the event loop having told us.
void JupyterServerKernelClient::take_last_words() {
  if (connection_ == nullptr) return;
  Budget budget = {last_words_budget, last_words_bytes};
  connection_->iopub.look_now();
  budget = drain(connection_->iopub, Channel::iopub, budget);
  for (const auto& [channel, socket] : connection_->others) {
    if (channel == Channel::heartbeat) continue;
    socket->look_now();
    budget = drain(*socket, channel, budget);
  }
  sink_.flush();
}

/// Returns what is left of the budget; when it is spent, there may be more messages.
JupyterServerKernelClient::Budget JupyterServerKernelClient::drain(ZmqSocket& socket, Channel channel,
                                                                   Budget budget) {
  while (!budget.is_spent() && socket.receive(budget.bytes)) {
    --budget.messages;
    budget.bytes -= static_cast<std::size_t>(std::min<std::uint64_t>(budget.bytes, socket.message_size()));
    if (socket.is_oversized())
      receive_oversized(channel, socket.frames(), socket.message_size());
    else
      receive(channel, socket.frames());
  }
  return budget;
}

void JupyterServerKernelClient::receive(Channel channel, std::span<const std::string_view> frames) {
  if (channel == Channel::heartbeat) {
    return note_life();
  }
  const auto split = split_kernel_frames(frames);
  if (!split) return reject(channel, split.error());
  if (auto verified = connection_->signer.verify(split->parts, split->signature); !verified)
    return reject(channel, verified.error());
  connection_->verified = true;
  if (split->buffers.size() > V1Message::maximum_buffer_count) {
    std::uint64_t size = 0;
    for (const auto frame : frames) size += frame.size();
    return receive_oversized(channel, frames, size);
  }
  auto message = Message::make(channel, split->parts, split->buffers, &frames_);
  if (!message) return reject(channel, message.error());

  if (channel == Channel::iopub && !connection_->iopub_proven) {
    connection_->iopub_proven = true;
    changed_.notify_all();
  }
  note_life();
  const auto& fields = **message;
  if (fields.parent_fields().session == session_) return receive_own(fields);
  // The first thing an XPUB says to a subscriber (JEP 65): about this connection, not for listeners.
  if (channel == Channel::iopub && fields.header_fields().msg_type == "iopub_welcome") return;
  sink_.receive(std::move(*message));
}

/// Without its content a message cannot be verified: what it is said to be is believed on a connection that
/// has brought one with a right signature.
void JupyterServerKernelClient::receive_oversized(Channel channel, std::span<const std::string_view> frames,
                                                  std::uint64_t size) {
  const auto delimiter = std::ranges::find(frames, kernel_frame_delimiter);
  const auto rest = frames.subspan(static_cast<std::size_t>(delimiter - frames.begin()));
  constexpr std::size_t header_frame = 2;
  constexpr std::size_t parent_frame = 3;
  const auto refuse = [&](std::string_view why) {
    reject(channel,
           Error{ErrorCode::resource_limit, fmt::format("A message of {} {}", format_size(size), why)});
  };
  if (!connection_->verified) return refuse("came before any with a right signature");
  if (rest.size() <= parent_frame) return refuse("has no header that could be read");
  const auto header = scan_header(rest[header_frame]);
  const auto parent = scan_header(rest[parent_frame]);
  if (!header || !parent) return refuse("has no header that could be read");
  if (parent->session == session_) return refuse("answers the server's own request");
  note_life();
  const MessageOutline outline = {.channel = channel,
                                  .message_type = std::string(header->msg_type),
                                  .parent_header = std::string(rest[parent_frame]),
                                  .size = size};
  const auto text = fmt::format(
      "A {} message of {} is left out: a message of a kernel may have {} (KernelJournal.message_limit_bytes) "
      "and "
      "{} buffers.",
      shown_type(outline), format_size(size), format_size(limits_.kept_bytes),
      V1Message::maximum_buffer_count);
  log_warning("{}", text);
  if (auto notice = make_notice(outline, text, session_)) sink_.receive(std::move(*notice));
  if (!is_reply(outline)) return;
  if (auto reply = make_error_reply(outline, text, session_)) sink_.receive(std::move(*reply));
}

void JupyterServerKernelClient::receive_own(const Message& message) {
  if (message.channel() != Channel::shell && message.channel() != Channel::control) return;
  // Values are copied by recursion, which must have an end.
  constexpr std::size_t deepest_nesting = 256;
  if (nests_deeper_than(message.content(), deepest_nesting))
    return reject(message.channel(), Error{ErrorCode::protocol, "A reply to the server is nested too deep"});
  auto content = nlohmann::json::parse(message.content(), nullptr, false);
  if (content.is_discarded()) return;
  if (message.header_fields().msg_type == "kernel_info_reply") kernel_info_ = content;
  const auto request = own_requests_.find(std::string(message.parent_fields().msg_id));
  if (request != own_requests_.end()) request->second = std::move(content);
  changed_.notify_all();
}

void JupyterServerKernelClient::reject(Channel channel, const Error& error) {
  ++connection_->rejected;
  connection_->last_rejection = error.message;
  if (!connection_->verified) changed_.notify_all();
  // A kernel that breaks the protocol does so often: say it at 1, 2, 4, 8, … messages.
  if (std::has_single_bit(connection_->rejected)) {
    log_warning("Refused a message of the kernel on {} ({} so far): {}", to_string(channel),
                connection_->rejected, error.message);
  }
}

std::optional<steady_clock::time_point> JupyterServerKernelClient::silent_since() const {
  return connection_ == nullptr ? std::nullopt : connection_->liveness.silent_since();
}

void JupyterServerKernelClient::note_life() {
  if (!connection_->heard) {
    connection_->heard = steady_clock::now();
    changed_.notify_all();
  }
  if (connection_->liveness.heard(steady_clock::now()) && on_liveness_change) on_liveness_change();
}

Task<void> JupyterServerKernelClient::beat() {
  const auto number = connection_number_;
  // A sleep that was over when the connection was closed is not cancelled any more.
  while (number == connection_number_ && connection_ != nullptr) {
    connection_->liveness.begin_round(steady_clock::now());
    // A kernel that reads so little that it is refused is one that is not heard either.
    if (connection_->heartbeat.connected()) (void)connection_->heartbeat.send(ping);
    co_await sleep_for(heartbeat_.interval);
    if (number != connection_number_ || connection_ == nullptr) co_return;
    if (connection_->liveness.end_round(steady_clock::now()) && on_liveness_change) on_liveness_change();
  }
}

}  // namespace nextgen_kernels
