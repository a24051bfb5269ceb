#include "journal/conversation.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/log.h"
#include "base/random.h"
#include "base/strings.h"
#include "wire/json.h"

namespace nextgen_kernels {
namespace {

// Requests on the control channel do not occupy the kernel (Jupyter messaging 5.3, "control"); the other two
// are what clients ask when they connect and tell nothing about what the user runs.
constexpr std::array<std::string_view, 9> requests_without_state = {
    "kernel_info_request",     "comm_info_request",     "debug_request",
    "interrupt_request",       "shutdown_request",      "create_subshell_request",
    "delete_subshell_request", "list_subshell_request", "usage_request",
};

constexpr std::size_t longest_cell_id = 1024;

// Of the requests that a kernel says it runs. It runs one in each of its shells; ids are what it says.
constexpr std::size_t most_busy_requests = 1000;
constexpr std::size_t longest_busy_id = 1024;

bool tells_state(std::string_view parent_type) {
  return std::ranges::find(requests_without_state, parent_type) == requests_without_state.end();
}

/// The session that messages of this server carry in their headers.
const std::string& server_session() {
  static const std::string session = random_uuid();
  return session;
}

constexpr std::string_view busy_content = R"({"execution_state":"busy"})";
constexpr std::string_view idle_content = R"({"execution_state":"idle"})";
constexpr std::string_view request_suffix = "_request";
// Of ordinary clients; one that is longer is not kept for every request that is under way.
constexpr std::size_t longest_header = 1024;

std::string quote(std::string_view text) {
  return quote_json(replace_invalid_utf8(text));
}

/// The header that answers to a message have as their parent's.
std::string parent_header_of(const OutgoingMessage& message) {
  const auto header = message.parts[0];
  if (header.size() <= longest_header) return std::string(header);
  return fmt::format(R"({{"msg_id":{},"msg_type":{},"session":{}}})", quote(message.header.msg_id),
                     quote(message.header.msg_type), quote(message.header.session));
}

bool has_reply(const Request& request) {
  return request.message_type.ends_with(request_suffix);
}

/// JupyterLab asks each kernel for its info once when it connects, and takes a failure for good: after a
/// restart or a shutdown, that the request has ended is all that it is told.
bool is_left_without_reply(const Request& request, const RequestFailure& failure) {
  return request.message_type == "kernel_info_request" && failure.status == RequestFailure::Status::aborted;
}

/// Everybody has seen it begin, and is to see its end; of what has not begun nobody else knows.
Audience audience_of_outputs(const Request& request) {
  return request.begun ? Audience::everybody : request.sender;
}

std::string reply_type_of(std::string_view request_type) {
  return fmt::format("{}_reply", request_type.substr(0, request_type.size() - request_suffix.size()));
}

bool is_silent(std::string_view execute_content) {
  bool silent = false;
  const auto walked = for_each_member(execute_content, [&silent](const JsonMember& member) {
    if (member.key == "silent") silent = member.value == "true";
  });
  return walked && silent;
}

std::string error_members(const RequestFailure& failure) {
  return fmt::format(R"("ename":{},"evalue":{},"traceback":[{}])", quote(failure.ename),
                     quote(failure.evalue), quote(fmt::format("{}: {}", failure.ename, failure.evalue)));
}

std::string reply_content(std::string_view request_type, const RequestFailure& failure) {
  return fmt::format(
      R"({{"status":"{}",{}{}}})", failure.status == RequestFailure::Status::error ? "error" : "aborted",
      request_type == "execute_request" ? R"("execution_count":null,)" : "", error_members(failure));
}

std::string notice_content(std::string_view text) {
  return fmt::format(R"({{"name":"stderr","text":{}}})", quote(text));
}

std::string execution_state_of(std::string_view status_content) {
  std::string state;
  const auto walked = for_each_member(status_content, [&](const JsonMember& member) {
    if (member.key == "execution_state" && member.string) state = *member.string;
  });
  return walked ? state : std::string();
}

}  // namespace

std::string_view to_string(ExecutionState state) {
  switch (state) {
    case ExecutionState::starting:
      return "starting";
    case ExecutionState::idle:
      return "idle";
    case ExecutionState::busy:
      return "busy";
    case ExecutionState::restarting:
      return "restarting";
    case ExecutionState::dead:
      return "dead";
  }
  return "dead";
}

Request Conversation::make_request_entry(const OutgoingMessage& message, Audience sender) const {
  const auto* session = places_.sessions().find(sender);
  // Clients choose the ids of their cells; what is longer than any of theirs is not kept with every output.
  auto origin = std::make_shared<const RequestOrigin>(
      RequestOrigin{.cell_id = message.cell_id.size() > longest_cell_id ? std::string() : message.cell_id,
                    .requester = session == nullptr ? std::string() : session->id});
  return {.message_id = std::string(message.header.msg_id),
          .message_type = std::string(message.header.msg_type),
          .channel = message.channel,
          .sender = sender,
          .origin = std::move(origin),
          .in_subshell = !message.header.subshell_id.empty(),
          .since = journal_.next_number(),
          .header = parent_header_of(message)};
}

bool Conversation::record_request(const OutgoingMessage& message, Audience sender) {
  if (message.channel != Channel::control && tells_state(message.header.msg_type)) note_activity();
  places_.sessions().note_use(sender);
  if (message.channel == Channel::stdin_) return false;  // An input_reply has no reply of its own.
  requests_.add(make_request_entry(message, sender));
  return places_.sessions().note_asker(message.header.session, sender);
}

void Conversation::refuse(const OutgoingMessage& message, Audience sender, const RequestFailure& failure) {
  const auto request = make_request_entry(message, sender);
  if (message.channel == Channel::stdin_) return append_output(request, failure);
  append_status(request, busy_content);
  const bool is_shown = request.message_type == "execute_request" && !is_silent(message.parts[3]);
  if (is_shown || !has_reply(request)) append_output(request, failure);
  append_answer(request, failure);
}

bool Conversation::refuse_request(std::string_view message_id, const RequestFailure& failure) {
  const auto* const found = requests_.find(message_id);
  if (found == nullptr) return false;
  const auto request = *found;  // The table forgets it.
  requests_.give_up(request.message_id);
  if (!request.begun) append_status(request, busy_content);
  if (request.message_type == "execute_request" || !has_reply(request)) append_output(request, failure);
  append_answer(request, failure);
  return true;
}

void Conversation::answer_abandoned(const Request& request, const RequestFailure& failure) {
  const bool is_answered = request.replied && has_reply(request);
  if (!request.begun && !is_answered) append_status(request, busy_content);
  if (request.message_type == "execute_request" && !is_answered) append_output(request, failure);
  append_answer(request, failure);
}

/// The reply, where there is to be one, and the end of the outputs: what the kernel has not said of them.
void Conversation::append_answer(const Request& request, const RequestFailure& failure) {
  if (has_reply(request) && !request.replied && !is_left_without_reply(request, failure)) {
    append({.channel = request.channel,
            .audience = request.sender,
            .parent_header = request.header,
            .origin = request.origin},
           reply_type_of(request.message_type), reply_content(request.message_type, failure));
  }
  if (!request.idle) append_status(request, idle_content);
}

void Conversation::append_status(const Request& request, std::string_view content) {
  append(
      {.audience = audience_of_outputs(request), .parent_header = request.header, .origin = request.origin},
      "status", content);
}

void Conversation::append_output(const Request& request, const RequestFailure& failure) {
  const Place place{
      .audience = audience_of_outputs(request), .parent_header = request.header, .origin = request.origin};
  const bool is_error = failure.status == RequestFailure::Status::error;
  if (is_error && request.message_type == "execute_request")
    append(place, "error", fmt::format("{{{}}}", error_members(failure)));
  else
    append(place, "stream", notice_content(failure.evalue + "\n"));
}

void Conversation::receive(Message::Pointer message) {
  const auto audience = route(*message);
  auto origin = origin_of(*message);
  const auto parent_id = message->parent_fields().msg_id;
  const auto* request = requests_.find(parent_id);
  const bool counts_as_activity = tells_state(message->parent_fields().msg_type) &&
                                  (request == nullptr || request->channel != Channel::control);
  if (message->channel() == Channel::iopub) {
    if (message->header_fields().msg_type == "status") follow_status(*message);
  } else if (message->channel() != Channel::stdin_) {
    requests_.note_reply(parent_id);
  }
  if (counts_as_activity) note_activity();
  journal_.append(std::move(message), audience, std::move(origin));
}

std::shared_ptr<const RequestOrigin> Conversation::origin_of(const Message& message) const {
  const auto* request = requests_.recall(message.parent_fields().msg_id);
  return request == nullptr ? nullptr : request->origin;
}

Audience Conversation::route(const Message& message) {
  if (message.channel() == Channel::iopub) return Audience::everybody;
  if (const auto* request = requests_.recall(message.parent_fields().msg_id)) return request->sender;
  // Forgotten, asked of a server that is gone, or by somebody who talks to the kernel directly: by the
  // session that the asker named.
  const auto* session = places_.sessions().find_asker(message.parent_fields().session);
  return session == nullptr ? Audience::everybody : session->audience;
}

void Conversation::follow_status(const Message& message) {
  const auto& parent = message.parent_fields();
  const auto state = execution_state_of(message.content());
  if (state == "busy") requests_.note_busy(parent.msg_id);
  if (state == "idle") requests_.note_idle(parent.msg_id);
  if (state_ == ExecutionState::dead || state_ == ExecutionState::restarting) return;
  if (parent.msg_id.empty() || !tells_state(parent.msg_type)) return;
  const auto* request = requests_.find(parent.msg_id);
  if (request != nullptr && request->channel == Channel::control) return;

  if (state == "busy") note_busy(parent.msg_id);
  if (state == "idle") note_idle(parent.msg_id);
  if (state_ == ExecutionState::starting) return;  // process_ready() ends this state.
  state_ = working_state();
}

/// A kernel that never says that it has finished is busy all the same: of its requests the oldest are
/// forgotten.
void Conversation::note_busy(std::string_view request_id) {
  request_id = request_id.substr(0, longest_busy_id);
  if (std::ranges::find(busy_requests_, request_id) != busy_requests_.end()) return;
  busy_requests_.emplace_back(request_id);
  if (busy_requests_.size() > most_busy_requests) busy_requests_.pop_front();
}

void Conversation::note_idle(std::string_view request_id) {
  const auto busy = std::ranges::find(busy_requests_, request_id.substr(0, longest_busy_id));
  if (busy != busy_requests_.end()) busy_requests_.erase(busy);
}

/// Of a kernel that takes requests.
ExecutionState Conversation::working_state() const {
  return busy_requests_.empty() && expected_answers_ == 0 ? ExecutionState::idle : ExecutionState::busy;
}

void Conversation::publish_status(ExecutionState state) {
  state_ = state;
  publish(Audience::everybody, "status", fmt::format(R"({{"execution_state":"{}"}})", to_string(state)),
          "{}");
}

void Conversation::publish_notice(std::string_view text) {
  publish_notice_to(Audience::everybody, text, "{}");
}

void Conversation::publish_notice_to(Audience audience, std::string_view text,
                                     std::string_view parent_header) {
  publish(audience, "stream", notice_content(text), parent_header);
}

void Conversation::publish(Audience audience, std::string_view message_type, std::string_view content,
                           std::string_view parent_header) {
  append({.audience = audience, .parent_header = parent_header}, message_type, content);
  journal_.notify();
}

void Conversation::append(Place place, std::string_view message_type, std::string_view content) {
  auto message =
      make_kernel_message(place.channel, message_type, content, place.parent_header, server_session());
  if (!message) {
    log_error("Cannot publish {} message: {}", with_article(message_type), message.error().message);
    return;
  }
  if (place.origin == nullptr) place.origin = origin_of(**message);
  journal_.append(std::move(*message), place.audience, std::move(place.origin));
}

void Conversation::begin_process() {
  journal_.begin_epoch();
  requests_.end_all();
  busy_requests_.clear();
  expected_answers_ = 0;
  if (state_ != ExecutionState::restarting) state_ = ExecutionState::starting;
}

void Conversation::note_answer() {
  if (expected_answers_ == 0) return;
  --expected_answers_;
  if (state_ == ExecutionState::busy && working_state() == ExecutionState::idle)
    publish_status(ExecutionState::idle);
}

void Conversation::note_activity() {
  last_activity_ = Timestamp::clock::now();
  active_at_ = std::chrono::steady_clock::now();
}

void Conversation::forgive_idle_time(std::chrono::steady_clock::duration missed) {
  active_at_ = std::min(active_at_ + missed, std::chrono::steady_clock::now());
}

void Conversation::process_ready() {
  note_activity();
  state_ = working_state();
}

}  // namespace nextgen_kernels
