// What `KernelManager` does with the requests of clients.
#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include <boost/asio/post.hpp>

#include "base/log.h"
#include "base/strings.h"
#include "kernels/kernel_manager.h"

namespace nextgen_kernels {
namespace {

// Requests that the kernel has not taken yet; a client that sends more is refused.
constexpr std::size_t waiting_limit_bytes = std::size_t{64} * 1024 * 1024;
// One turn of the event loop sends or answers at most so many, then lets others run.
constexpr std::size_t requests_per_turn = 256;

/// What a `shutdown_request` asks for; nothing of other messages.
std::optional<ShutdownPurpose> asked_by(const OutgoingMessage& message) {
  if (message.header.msg_type != "shutdown_request") return std::nullopt;
  const auto content = nlohmann::json::parse(message.parts[3], nullptr, false);
  if (!content.is_object()) return std::nullopt;
  const auto restart = content.find("restart");
  return restart != content.end() && *restart == true ? ShutdownPurpose::restart : ShutdownPurpose::end;
}

/// Lets others run after so many steps of a loop.
class Turn {
 public:
  explicit Turn(Executor executor) : executor_(std::move(executor)) {}

  bool is_over() { return ++steps_ % requests_per_turn == 0; }
  Task<void> next() { co_await asio::post(executor_, asio::use_awaitable); }

 private:
  Executor executor_;
  std::size_t steps_ = 0;
};

}  // namespace

Result<void> KernelManager::handle_incoming_message(const OutgoingMessage& message, Audience sender) {
  const bool is_dead = execution_state() == ExecutionState::dead && !restart_is_pending_;
  if (ended_ || is_dead)
    return make_error(ErrorCode::unavailable, "{}", not_sent(message, "is dead. " + reason_));
  if (is_id_of_another(message, sender)) {
    return make_error(ErrorCode::already_exists,
                      "The {} was not sent: another client's request to kernel {} has its msg_id",
                      message.header.msg_type, kernel_id());
  }
  // The process that asked for the input is gone.
  if (message.channel == Channel::stdin_ && !takes_requests())
    return make_error(ErrorCode::unavailable, "{}", not_sent(message, "waits for no input now."));
  if (auto room = check_room(message); !room) return room;
  if (takes_requests())
    send_to_kernel(message, sender);
  else
    (restart_is_pending_ ? held_ : queued_).push(message, sender);
  return {};
}

/// Everybody sees ids of others on iopub; who could take one over would get the replies and the prompts.
bool KernelManager::is_id_of_another(const OutgoingMessage& message, Audience sender) const {
  if (message.channel == Channel::stdin_) return false;  // It begins nothing.
  const auto id = message.header.msg_id;
  const auto* request = conversation_->requests().find(id);
  if (request != nullptr && request->sender != sender) return true;
  return queued_.is_id_of_another(id, sender) || held_.is_id_of_another(id, sender);
}

/// One message of any size passes when nothing waits before it.
Result<void> KernelManager::check_room(const OutgoingMessage& message) const {
  const auto waiting =
      takes_requests() ? client_->unsent_bytes(message.channel) : queued_.bytes() + held_.bytes();
  if (waiting == 0 || waiting + size_of(message) <= waiting_limit_bytes) return {};
  return make_error(
      ErrorCode::resource_limit,
      "The {} was not sent: kernel {} has not taken {} MiB of what it was sent before; it is {}",
      message.header.msg_type, kernel_id(), waiting >> 20,
      takes_requests() ? "busy, or stopped" : "starting");
}

std::string KernelManager::not_sent(const OutgoingMessage& message, std::string_view what_happened) const {
  return fmt::format("The {} was not sent: kernel {} {}", message.header.msg_type, kernel_id(),
                     what_happened);
}

void KernelManager::send_to_kernel(const OutgoingMessage& message, Audience sender) {
  if (conversation_->record_request(message, sender)) keep_record();
  const auto is_under_way = [&] { return conversation_->requests().find(message.header.msg_id) != nullptr; };
  const bool is_recorded = is_under_way();
  const auto sent = client_->send(message);
  if (!sent) {
    log_warning("Kernel {}: {} was not sent: {}", kernel_id(), with_article(message.header.msg_type),
                sent.error().message);
    if (is_recorded && !is_under_way()) return;  // Its client class has answered it.
    conversation_->give_up_request(message.header.msg_id);
    return refuse(message, sender, RequestFailure::of(sent.error()));
  }
  if (const auto purpose = asked_by(message); purpose && is_under_way())
    request_to_end_ = {.purpose = *purpose, .message_id = std::string(message.header.msg_id)};
}

/// Nobody is told within this call: its caller may not be ready to hear it.
void KernelManager::refuse(const OutgoingMessage& message, Audience sender, const RequestFailure& failure) {
  conversation_->refuse(message, sender, failure);
  flush_soon();
}

void KernelManager::flush_soon() {
  if (std::exchange(flush_is_posted_, true)) return;
  asio::post(executor_, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (self == nullptr) return;
    self->flush_is_posted_ = false;
    self->conversation_->flush();
  });
}

/// In the order they came, and before anything that comes later: that waits behind them until `ready_`.
Task<void> KernelManager::send_queued() {
  Turn turn(executor_);
  while (!queued_.empty()) {
    const auto waiting = queued_.pop();
    send_to_kernel(waiting.message, waiting.sender);
    if (turn.is_over()) co_await turn.next();
  }
}

/// Answers what the process that has ended owed, and what has been given up of what waited for it.
Task<void> KernelManager::answer_in_place_of_kernel(End end) {
  // Kept in members: when this is cancelled, the shutdown that cancelled it goes on with them.
  std::ranges::move(conversation_->abandon_requests(), std::back_inserter(owed_));
  Turn turn(executor_);
  while (!owed_.empty() || !refused_.empty()) {
    if (!owed_.empty()) {
      const auto request = std::move(owed_.front());
      owed_.pop_front();
      conversation_->answer_abandoned(
          request, {.status = end.status,
                    .ename = end.ename,
                    .evalue = fmt::format("The {} was not answered: kernel {} {}", request.message_type,
                                          kernel_id(), end.what_happened)});
    } else {
      const auto waiting = refused_.pop();
      conversation_->refuse(
          waiting.message, waiting.sender,
          {.status = end.status, .ename = end.ename, .evalue = not_sent(waiting.message, end.what_happened)});
    }
    if (!turn.is_over()) continue;
    conversation_->flush();
    co_await turn.next();
  }
  conversation_->flush();
}

/// The restart is over. When it did not come to the end of the process, what was held is for that one.
void KernelManager::stop_holding_requests() {
  if (!std::exchange(restart_is_pending_, false)) return;
  while (!held_.empty()) {
    const auto waiting = held_.pop();
    const auto taken = handle_incoming_message(waiting.message, waiting.sender);
    if (!taken) refuse(waiting.message, waiting.sender, RequestFailure::of(taken.error()));
  }
}

}  // namespace nextgen_kernels
