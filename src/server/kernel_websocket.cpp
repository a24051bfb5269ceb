#include "server/kernel_websocket.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <span>
#include <utility>
#include <vector>

#include <boost/asio/post.hpp>
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include "base/log.h"
#include "base/strings.h"
#include "journal/stand_in.h"
#include "runtime/loop_watchdog.h"
#include "server/listener_query.h"
#include "wire/json.h"

namespace nextgen_kernels {
namespace {

using std::chrono::steady_clock;

// One system call takes 64 pieces (Asio's bound); frames that lie side by side in memory are one piece.
constexpr std::size_t pieces_per_write = 64;
constexpr std::size_t bytes_per_write = 2 * 1024 * 1024;
constexpr std::size_t batch_messages = 512;
constexpr std::size_t batch_bytes = 1024 * 1024;
// The legacy form of a larger message is made on another thread.
constexpr std::size_t rendered_at_once = 1024 * 1024;
// After so many batches or reads in a row, others get their turn.
constexpr int turn_batches = 8;
constexpr int turn_reads = 16;
constexpr std::size_t read_bytes = 64 * 1024;
// A client that has so many messages before it is told the state of the kernel ahead of them.
constexpr MessageNumber far_behind = 1000;
// A client that sends pings and reads no answers gets no more of them.
constexpr std::size_t control_queue_bytes = 4096;

ExecutionState shown_state(ExecutionState state) {
  // JupyterLab connects again when it is told `restarting`: told so at the start, it would do that over and
  // over.
  return state == ExecutionState::restarting ? ExecutionState::starting : state;
}

/// What a client may ask that only looks: it says what the kernel is, and runs nothing in it. On stdin, where
/// kernels look at nothing but the content, it would be an answer.
bool is_question(const OutgoingMessage& message) {
  const auto type = message.header.msg_type;
  return message.channel != Channel::stdin_ && (type == "kernel_info_request" || type == "comm_info_request");
}

/// An id that somebody else chose, for a person.
std::string shown(std::string_view id) {
  return printable(replace_invalid_utf8(id.substr(0, 100)));
}

/// Whether a client that closes with this code could not go on, rather than had enough.
bool tells_of_a_break(std::uint16_t close_code) {
  return close_code != websocket_close::normal && close_code != websocket_close::going_away &&
         close_code != websocket_close::no_status;
}

/// " (cell c1, request r1)", as far as they are known.
std::string describe_origin(const JournalEntry& entry) {
  std::vector<std::string> parts;
  if (entry.origin != nullptr && !entry.origin->cell_id.empty())
    parts.push_back("cell " + shown(entry.origin->cell_id));
  if (const auto request = entry.message->parent_fields().msg_id; !request.empty())
    parts.push_back("request " + shown(request));
  return parts.empty() ? std::string() : fmt::format(" ({})", fmt::join(parts, ", "));
}

std::string describe_loss(const LostMessages& lost) {
  return fmt::format(
      "Messages {} to {} of the kernel (up to {} for this client) are lost: they are no longer kept.",
      lost.first, lost.last, lost.count());
}

bool is_status(const Message& message, std::string_view quoted_state) {
  return message.channel() == Channel::iopub && message.header_fields().msg_type == "status" &&
         message.content().contains(quoted_state);
}

bool tells_of_a_restart(const Message& message) {
  return is_status(message, R"("restarting")");
}

/// After an answer, or the `idle` that ends its outputs, a kernel often says nothing for a while.
bool ends_a_request(const Message& message) {
  if (message.channel() != Channel::iopub) return message.channel() != Channel::stdin_;
  return is_status(message, R"("idle")");
}

/// What Jupyter Server's limits of the rate are for, too: the outputs of what runs.
bool is_paced(const Message& message) {
  const auto& type = message.header_fields().msg_type;
  return message.channel() == Channel::iopub && type != "status" && type != "comm_open" &&
         type != "execute_input";
}

}  // namespace

KernelWebSocket::KernelWebSocket(ClientSocket socket, std::shared_ptr<KernelManager> kernel,
                                 KernelWebSocketClient client, std::shared_ptr<ListenerPlace> place,
                                 CursorOptions reading, const KernelWebSocketSettings& settings,
                                 std::shared_ptr<BreakingSessions> breaking_sessions)
    : socket_(std::move(socket)),
      kernel_(std::move(kernel)),
      client_(std::move(client)),
      settings_(settings),
      conversation_(kernel_->conversation()),
      place_(std::move(place)),
      cursor_(conversation_->journal(), *this, std::move(reading)),
      breaking_sessions_(std::move(breaking_sessions)),
      breaking_(breaking_sessions_->of(conversation_->journal().id(), place_->listener)),
      pacer_(settings.pace, steady_clock::now()),
      decoder_({.role = WebSocketDecoder::Role::server,
                .text_validation = WebSocketDecoder::TextValidation::none,
                .max_message_size = settings.max_message_bytes}),
      timer_(socket_.get_executor()),
      pace_timer_(socket_.get_executor()),
      acknowledgement_timer_(socket_.get_executor()),
      drain_timer_(socket_.get_executor()),
      last_sign_of_life_(steady_clock::now()),
      last_heard_(last_sign_of_life_) {
  kernel_->add_connection(role());
}

KernelWebSocket::~KernelWebSocket() {
  if (state_ == State::ended) return;
  leave_the_count();
  conversation_->places().close(*place_);
}

std::string KernelWebSocket::describe() const {
  return fmt::format("WebSocket of session {} to kernel {}", client_.session_id, kernel_->kernel_id());
}

void KernelWebSocket::start(std::string_view received) {
  const auto self = shared_from_this();
  boost::system::error_code error;
  socket_.non_blocking(true, error);
  if (error) return end();
  log_debug("{} opened", describe());
  if (conversation_->journal().closed()) watch_draining();
  if (!client_.greeting.empty()) queue_notice(client_.greeting + "\n");
  announce_state();
  flush();
  if (state_ == State::open && settings_.ping_interval > steady_clock::duration::zero())
    arm_timer(settings_.ping_interval);
  feed(received);
  if (state_ != State::ended) wait_readable();
}

void KernelWebSocket::announce_state() {
  const auto state = kernel_->execution_state();
  if (state == ExecutionState::dead) queue_notice(fmt::format("The kernel is dead. {}\n", kernel_->reason()));
  queue_state(shown_state(state));
}

void KernelWebSocket::end() {
  if (state_ == State::ended) return;
  const auto self = shared_from_this();
  state_ = State::ended;
  log_debug("{} ended", describe());
  timer_.cancel();
  pace_timer_.cancel();
  acknowledgement_timer_.cancel();
  drain_timer_.cancel();
  boost::system::error_code ignored;
  socket_.close(ignored);
  buffers_.clear();
  messages_.clear();
  queued_own_.clear();
  conversation_->places().close(*place_);
  leave_the_count();
  if (on_ended) on_ended(*this);
}

void KernelWebSocket::close(std::uint16_t code, std::string_view reason) {
  if (state_ != State::open) return;
  const auto self = shared_from_this();
  log_debug("{}: closing with {} {}", describe(), code, reason);
  queue_control(WebSocketOpcode::close, close_payload(code, reason));
  state_ = State::closing;
  arm_timer(settings_.close_timeout);
  flush();
}

// Writing
// -----------------------------------------------------------------------------------------------------------

void KernelWebSocket::on_journal_activity() {
  if (conversation_->journal().closed()) watch_draining();
  if (writing_) return;
  const auto self = shared_from_this();
  flush();
}

void KernelWebSocket::flush() {
  if (writing_) return;
  const LoopScope scope("writing to a WebSocket of kernel", kernel_->kernel_id());
  for (int batch = 0; batch < turn_batches; ++batch) {
    if (state_ == State::ended || !collect() || !write_collected()) return;
  }
  go_on_later();
}

/// False when there is nothing to write.
bool KernelWebSocket::collect() {
  std::swap(control_, queued_control_);
  if (!control_.empty()) buffers_.push_back(asio::buffer(control_));
  if (state_ == State::open) tell_state_ahead();
  collect_own(position(), position());
  if (state_ == State::open) collect_journal();
  if (!buffers_.empty()) return true;
  if (state_ == State::open && conversation_->journal().closed() && has_collected_all())
    close(websocket_close::normal, "The kernel was shut down");
  return false;
}

/// Who has not got these goes on at `before`, who has them at `after`.
void KernelWebSocket::collect_own(MessageNumber before, MessageNumber after) {
  for (auto& message : queued_own_) {
    place_->frames.add_own(before, after);
    add_frame(std::move(message));
  }
  queued_own_.clear();
}

/// What may be sent now. What the limits of the rate are not for waits only for what comes before it.
Cursor::Batch KernelWebSocket::read_journal() {
  if (waiting_) {
    Cursor::Batch batch;
    if (!rendering_) batch.entries.push_back(*std::exchange(waiting_, std::nullopt));
    return batch;
  }
  if (const auto count = pacer_.allowed(batch_messages, steady_clock::now()); count > 0)
    return cursor_.read(count, batch_bytes);
  wait_for_pace();
  return cursor_.read(batch_messages, batch_bytes, is_paced);
}

bool KernelWebSocket::takes_long_to_render(const JournalEntry& entry) const {
  return client_.protocol == KernelWebSocketProtocol::legacy && settings_.render &&
         entry.message->legacy_size() == 0 && entry.message->v1_frame().size() > rendered_at_once &&
         !breaking_.contains(entry.number);
}

/// On another thread, while others have their turn.
void KernelWebSocket::render(JournalEntry entry) {
  rendering_ = true;
  settings_.render([message = entry.message] { (void)message->legacy_frame(); },
                   [weak = weak_from_this()] {
                     const auto self = weak.lock();
                     if (!self || self->state_ == State::ended) return;
                     self->rendering_ = false;
                     self->flush();
                   });
  waiting_ = std::move(entry);
}

void KernelWebSocket::collect_journal() {
  auto batch = read_journal();
  if (batch.lost) tell_loss(batch);
  // A batch ends with the message that makes it large: nothing follows one that takes long.
  if (!batch.entries.empty() && takes_long_to_render(batch.entries.back())) {
    render(std::move(batch.entries.back()));
    batch.entries.pop_back();
  }
  if (has_collected_all()) told_state_ = shown_state(kernel_->execution_state());
  if (batch.entries.empty()) return;
  const auto& last = *batch.entries.back().message;
  at_rest_ = has_collected_all() && (ends_a_request(last) || tells_of_a_restart(last));
  told_epoch_ = batch.entries.back().epoch;
  for (auto& entry : batch.entries) {
    if (breaking_.contains(entry.number)) entry.message = stand_in_for(entry);
    breaking_.note_sent(place_->frames.next(), entry.number, frame_of(*entry.message).size());
    place_->frames.add(entry.number);
    if (tells_of_a_restart(*entry.message)) after_restarting_ = place_->frames.next();
    spend_pace(*entry.message);
    add_frame(std::move(entry.message));
    if (client_.protocol == KernelWebSocketProtocol::legacy)
      conversation_->journal().note_growth(entry.number);
  }
  if (at_rest_) ask_with_this_batch();
}

/// What the client gets instead of a message that breaks its connections, in one frame; before it, for a
/// reply, the notice goes into one of its own.
Message::Pointer KernelWebSocket::stand_in_for(const JournalEntry& entry) {
  const auto outline = outline_of(*entry.message);
  const auto text = fmt::format(
      "A {} message of {}{} is not sent to this client: {} of its connections broke while it was on its way, "
      "so the client takes none of that size. It is message {} of the kernel; read it with GET "
      "/api/nextgen/kernels/{}/messages?since={}&limit=1",
      shown_type(outline), format_size(outline.size), describe_origin(entry), BreakingMessages::most_breaks,
      entry.number, kernel_->kernel_id(), entry.number);
  log_warning("{}: {}", describe(), text);
  auto notice = make_notice(outline, text, client_.session_id);
  auto reply = is_reply(outline) ? make_error_reply(outline, text, client_.session_id) : notice;
  if (!notice || !reply) {
    log_error("{}: cannot make a message in the place of a {}", describe(), shown_type(outline));
    return entry.message;
  }
  if (!is_reply(outline)) return std::move(*notice);
  queued_own_.push_back(std::move(*notice));
  collect_own(entry.number, entry.number);
  return std::move(*reply);
}

void KernelWebSocket::spend_pace(const Message& message) {
  if (!pacer_.enabled() || !is_paced(message)) return;
  pacer_.spend(1, message.header_fields().msg_type == "stream" ? frame_of(message).size() : 0);
}

/// One notice in the place of what is gone, and the state that the kernel is in: its changes may be gone,
/// too.
void KernelWebSocket::tell_loss(const Cursor::Batch& batch) {
  auto text = describe_loss(*batch.lost);
  if (told_epoch_ != 0 && !batch.entries.empty() && batch.entries.front().epoch != told_epoch_)
    text += " The kernel was restarted meanwhile.";
  log_warning("{}: {}", describe(), text);
  queue_notice(text + "\n");
  const auto after = batch.lost->last + 1;
  collect_own(batch.lost->first, after);
  // Who is told `dead` expects nothing more; that follows in its place.
  if (const auto state = kernel_->execution_state(); state != ExecutionState::dead)
    queue_state(shown_state(state));
  collect_own(after, after);
}

/// What belongs to no request may come before what is still to be read; see docs/operators/journal.md.
void KernelWebSocket::tell_state_ahead() {
  if (cursor_.behind() <= far_behind) return;
  const auto state = shown_state(kernel_->execution_state());
  if (state == told_state_ || state == ExecutionState::dead) return;
  queue_state(state);
}

void KernelWebSocket::wait_for_pace() {
  pace_timer_.expires_after(pacer_.delay());
  pace_timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (!error && self->state_ == State::open) self->flush();
  });
}

std::string_view KernelWebSocket::frame_of(const Message& message) const {
  return client_.protocol == KernelWebSocketProtocol::v1 ? message.v1_frame() : message.legacy_frame();
}

void KernelWebSocket::add_frame(Message::Pointer message) {
  const auto frame = frame_of(*message);
  const auto* last_end =
      buffers_.empty() ? nullptr : static_cast<const char*>(buffers_.back().data()) + buffers_.back().size();
  if (frame.data() == last_end)
    buffers_.back() = {buffers_.back().data(), buffers_.back().size() + frame.size()};
  else
    buffers_.push_back(asio::buffer(frame));
  messages_.push_back(std::move(message));
}

/// True when everything was written; otherwise the rest follows in a later turn, or the connection ended.
bool KernelWebSocket::write_collected() {
  for (int writes = 0; written_buffers_ < buffers_.size(); ++writes) {
    if (writes == turn_batches) {
      go_on_later();
      return false;
    }
    const auto pieces = pieces_to_write();
    const auto wanted = asio::buffer_size(pieces);
    boost::system::error_code error;
    const auto count = socket_.write_some(pieces, error);
    if (error && error != asio::error::would_block && error != asio::error::try_again) {
      end_broken();
      return false;
    }
    if (count > 0) last_taken_ = steady_clock::now();
    written_bytes_ += count;
    note_written(count);
    if (count < wanted) {
      wait_writable();
      return false;
    }
  }
  finish_batch();
  return state_ != State::ended;
}

/// What one system call is given: of a large message a part, since a client that reads at the same time makes
/// room for all of it.
std::vector<asio::const_buffer> KernelWebSocket::pieces_to_write() const {
  std::vector<asio::const_buffer> pieces;
  pieces.reserve(std::min(buffers_.size() - written_buffers_, pieces_per_write));
  std::size_t bytes = 0;
  for (auto i = written_buffers_; i < buffers_.size(); ++i) {
    if (pieces.size() == pieces_per_write || bytes == bytes_per_write) break;
    pieces.push_back(asio::buffer(buffers_[i], bytes_per_write - bytes));
    bytes += pieces.back().size();
  }
  return pieces;
}

void KernelWebSocket::note_written(std::size_t count) {
  while (written_buffers_ < buffers_.size() && buffers_[written_buffers_].size() <= count) {
    count -= buffers_[written_buffers_].size();
    ++written_buffers_;
  }
  if (count > 0) buffers_[written_buffers_] += count;
}

/// Lets others have their turn.
void KernelWebSocket::go_on_later() {
  writing_ = true;
  asio::post(socket_.get_executor(), [self = shared_from_this()] {
    self->writing_ = false;
    if (self->state_ == State::ended) return;
    if (self->buffers_.empty() || self->write_collected()) self->flush();
  });
}

void KernelWebSocket::wait_writable() {
  writing_ = true;
  socket_.async_wait(ClientSocket::wait_write,
                     [self = shared_from_this()](const boost::system::error_code& error) {
                       self->writing_ = false;
                       if (self->state_ == State::ended) return;
                       if (error) return self->end_broken();
                       self->note_presence();  // It has read what filled the socket.
                       if (self->write_collected()) self->flush();
                     });
}

void KernelWebSocket::finish_batch() {
  buffers_.clear();
  messages_.clear();
  control_.clear();
  written_buffers_ = 0;
  expect_acknowledgement();
  // Both sides have said goodbye; queued_control_ would still hold our part otherwise.
  if (state_ == State::closing && peer_closed_ && queued_control_.empty()) end();
}

void KernelWebSocket::queue_control(WebSocketOpcode opcode, std::string_view payload) {
  queued_control_ += encode_websocket_frame(opcode, payload);
}

void KernelWebSocket::queue_own_message(std::string_view message_type, std::string_view content) {
  auto message = make_kernel_message(Channel::iopub, message_type, content, "{}", client_.session_id);
  if (!message) {
    log_error("{}: cannot make {} message: {}", describe(), with_article(message_type),
              message.error().message);
    return;
  }
  queued_own_.push_back(std::move(*message));
}

void KernelWebSocket::queue_notice(std::string_view text) {
  queue_own_message("stream",
                    fmt::format(R"({{"name":"stderr","text":{}}})", quote_json(replace_invalid_utf8(text))));
}

void KernelWebSocket::queue_state(ExecutionState state) {
  told_state_ = state;
  queue_own_message("status", fmt::format(R"({{"execution_state":"{}"}})", to_string(state)));
  // A filter is for the server's own words, too; what was lost is told to everybody.
  if (!queued_own_.empty() && !cursor_.wants(*queued_own_.back())) queued_own_.pop_back();
}

// Acknowledgements
// ------------------------------------------------------------------------------------------------

/// A while after a frame was written, the client is asked whether it has it: by a ping, which every client
/// answers with what it carries (RFC 6455 §5.5.3). At once when nothing more is expected for now: who goes
/// then has said what it has.
void KernelWebSocket::expect_acknowledgement() {
  if (question_ != Question::none || !asks()) return;
  if (place_->frames.acknowledged() == place_->frames.next()) return;
  question_ = Question::due;
  acknowledgement_timer_.expires_after(at_rest_ ? steady_clock::duration::zero()
                                                : settings_.acknowledgement_delay);
  acknowledgement_timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (error || self->state_ != State::open || self->question_ != Question::due) return;
    self->question_ = Question::asked;
    self->ask_for_acknowledgement();
    self->flush();
  });
}

void KernelWebSocket::ask_with_this_batch() {
  if (question_ == Question::asked || !asks()) return;
  acknowledgement_timer_.cancel();
  question_ = Question::asked;
  question_frame_ = encode_websocket_frame(WebSocketOpcode::ping, std::to_string(place_->frames.next()));
  buffers_.push_back(asio::buffer(question_frame_));
}

void KernelWebSocket::ask_for_acknowledgement() {
  if (queued_control_.size() < control_queue_bytes)
    queue_control(WebSocketOpcode::ping, std::to_string(place_->frames.next()));
}

void KernelWebSocket::take_acknowledgement(std::string_view payload) {
  const auto frame = parse_number(payload);
  if (!frame) return;
  place_->frames.acknowledge(*frame);
  if (question_ == Question::asked) question_ = Question::none;
  expect_acknowledgement();
}

// Reading
// -----------------------------------------------------------------------------------------------------------

void KernelWebSocket::wait_readable() {
  socket_.async_wait(ClientSocket::wait_read,
                     [self = shared_from_this()](const boost::system::error_code& error) {
                       if (self->state_ == State::ended) return;
                       if (error) return self->end_broken();
                       self->read();
                     });
}

void KernelWebSocket::read() {
  // One buffer for all sockets: an idle one needs none.
  static thread_local std::array<char, read_bytes> bytes;
  const LoopScope scope("reading a WebSocket of kernel", kernel_->kernel_id());
  for (int turn = 0; turn < turn_reads && state_ != State::ended; ++turn) {
    boost::system::error_code error;
    const auto count = socket_.read_some(asio::buffer(bytes), error);
    if (error == asio::error::would_block || error == asio::error::try_again) break;
    if (error) return end_broken();
    note_presence();
    feed({bytes.data(), count});
    if (count < bytes.size()) break;
  }
  if (state_ != State::ended) wait_readable();
}

void KernelWebSocket::feed(std::string_view bytes) {
  decoder_.feed(bytes);
  while (auto event = decoder_.next()) {
    handle(std::move(*event));
    if (state_ == State::ended) return;
  }
  if (const auto& failure = decoder_.failure(); failure && state_ == State::open) {
    log_warning("{}: {}", describe(), failure->message);
    close(failure->close_code, failure->message);
  }
}

void KernelWebSocket::handle(WebSocketEvent event) {
  switch (event.opcode) {
    case WebSocketOpcode::text:
    case WebSocketOpcode::binary:
      if (state_ == State::open) handle_message(event.opcode, std::move(event.payload));
      return;
    case WebSocketOpcode::ping:
      if (state_ == State::open && queued_control_.size() < control_queue_bytes) {
        queue_control(WebSocketOpcode::pong, event.payload);
        flush();
      }
      return;
    case WebSocketOpcode::close:
      return handle_close(event);
    case WebSocketOpcode::pong:
      return take_acknowledgement(event.payload);
    case WebSocketOpcode::continuation:
      return;
  }
}

void KernelWebSocket::handle_close(const WebSocketEvent& event) {
  peer_closed_ = true;
  // JupyterLab's answer to `restarting`: it comes back at once, and would do so again if it were told again.
  // Some of its WebSockets answer no ping any more when they are closed. A page that is left says that it
  // goes away.
  if (!writing_ && event.close_code != websocket_close::going_away)
    place_->frames.acknowledge(after_restarting_);
  if (state_ == State::closing) {
    if (!writing_ && queued_control_.empty()) end();
    return;
  }
  if (tells_of_a_break(event.close_code)) note_break();
  close(event.close_code == websocket_close::no_status ? websocket_close::normal : event.close_code, "");
}

Result<OutgoingMessage> KernelWebSocket::decode(WebSocketOpcode opcode, std::string payload) const {
  if (client_.protocol == KernelWebSocketProtocol::v1) return decode_v1_message(std::move(payload));
  if (opcode == WebSocketOpcode::text) return decode_legacy_text(std::move(payload));
  return decode_legacy_binary(std::move(payload));
}

void KernelWebSocket::handle_message(WebSocketOpcode opcode, std::string payload) {
  if (client_.protocol == KernelWebSocketProtocol::v1 && opcode == WebSocketOpcode::text) {
    log_warning("{}: a text message, but messages of {} are binary", describe(), v1_subprotocol);
    return close(websocket_close::unsupported_data, "Messages of this subprotocol are binary");
  }
  auto message = decode(opcode, std::move(payload));
  if (!message && message.error().code == ErrorCode::not_found) {
    log_warning("{}: ignored: {}", describe(), message.error().message);
    return;
  }
  if (message && message->channel == Channel::iopub) {
    log_warning("{}: ignored: {} on iopub, where only kernels speak", describe(),
                with_article(printable(message->header.msg_type)));
    return;
  }
  if (!message) {
    log_warning("{}: {}", describe(), message.error().message);
    return close(websocket_close::invalid_payload, message.error().message);
  }
  if (!settings_.allows(message->header.msg_type)) {
    return refuse(*message, {ErrorCode::permission_denied,
                             fmt::format("{} is not in MappingKernelManager.allowed_message_types",
                                         printable(message->header.msg_type))});
  }
  if (client_.read_only && !is_question(*message)) {
    return refuse(*message, {ErrorCode::permission_denied,
                             "You may look, but not run anything: your token is read-only"});
  }
  const auto taken = kernel_->handle_incoming_message(*message, cursor_.audience());
  if (!taken) refuse(*message, taken.error());
}

/// Answers as a kernel would that cannot do it, so that whoever asked does not wait.
void KernelWebSocket::refuse(const OutgoingMessage& message, const Error& error) {
  log_warning("{}: {} is refused: {}", describe(), with_article(printable(message.header.msg_type)),
              error.message);
  conversation_->refuse(message, cursor_.audience(), RequestFailure::of(error));
  conversation_->flush();
}

// Time
// --------------------------------------------------------------------------------------------------------------

void KernelWebSocket::note_presence() {
  last_sign_of_life_ = last_heard_ = steady_clock::now();
  if (!std::exchange(counted_, true)) kernel_->add_connection(role());
}

KernelManager::ClientRole KernelWebSocket::role() const {
  return client_.read_only ? KernelManager::ClientRole::watcher : KernelManager::ClientRole::user;
}

/// What the system had to hold for the client at the last look is taken by now, or a part of it: the client
/// reads, though the answers to our pings are behind what it still has to read. A look that finds nothing
/// held says nothing: the system at the other end takes some for a process that has stopped.
void KernelWebSocket::look_at_queue() {
  int queued = 0;
  if (::ioctl(socket_.native_handle(), SIOCOUTQ, &queued) != 0) return;
  const auto now_queued = static_cast<std::uint64_t>(std::max(queued, 0));
  if (queued_bytes_ > 0 && now_queued < queued_bytes_ + written_bytes_)
    last_sign_of_life_ = steady_clock::now();
  queued_bytes_ = now_queued;
  written_bytes_ = 0;
}

void KernelWebSocket::leave_the_count() {
  if (std::exchange(counted_, false)) kernel_->remove_connection(role());
}

/// A kernel that is gone keeps its journal, and the file on disk, for those who still read it: not for ever.
void KernelWebSocket::watch_draining() {
  if (!std::exchange(draining_, true)) last_taken_ = steady_clock::now();
  drain_timer_.expires_at(last_taken_ + settings_.drain_timeout);
  drain_timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (error || self->state_ == State::ended) return;
    if (self->last_taken_ + self->settings_.drain_timeout > steady_clock::now())
      return self->watch_draining();
    log_info("{}: the kernel is gone, and the client takes nothing of what is left: closed",
             self->describe());
    self->cut_off();
  });
}

/// What the system still holds for the client must not arrive later: its session gets it when it comes back.
void KernelWebSocket::cut_off() {
  boost::system::error_code ignored;
  socket_.set_option(asio::socket_base::linger(true, 0), ignored);
  end();
}

void KernelWebSocket::note_break() {
  breaking_.note_break(place_->frames.acknowledged());
  breaking_sessions_->note(conversation_->journal().id(), place_->listener, breaking_);
}

/// The client has gone without a goodbye.
void KernelWebSocket::end_broken() {
  if (state_ == State::open) note_break();
  end();
}

void KernelWebSocket::arm_timer(steady_clock::duration delay) {
  timer_.expires_after(delay);
  timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    const bool superseded = self->timer_.expiry() > steady_clock::now();
    if (!error && !superseded && self->state_ != State::ended) self->on_timer();
  });
}

void KernelWebSocket::on_timer() {
  if (state_ == State::closing) {
    log_debug("{}: no answer to the close frame", describe());
    return end();
  }
  look_at_queue();
  const auto now = steady_clock::now();
  if (now - last_heard_ > settings_.absent_after) leave_the_count();
  if (now - last_sign_of_life_ > settings_.ping_timeout) {
    log_info("{}: nothing heard any more, closed", describe());
    return cut_off();
  }
  ask_for_acknowledgement();
  arm_timer(settings_.ping_interval);
  flush();
}

}  // namespace nextgen_kernels
