#include "kernels/execution.h"

#include <utility>

#include "wire/json.h"

namespace nextgen_kernels {
namespace {

constexpr std::size_t batch_messages = 256;
constexpr std::size_t batch_bytes = 256 * 1024;

std::string status_of(const Message& message) {
  std::string state;
  const auto walked = for_each_member(message.content(), [&state](const JsonMember& member) {
    if (member.key == "execution_state" && member.string) state = *member.string;
  });
  return walked ? state : std::string();
}

}  // namespace

std::string_view to_string(ExecutionStatus status) {
  switch (status) {
    case ExecutionStatus::queued:
      return "queued";
    case ExecutionStatus::sent:
      return "sent";
    case ExecutionStatus::running:
      return "running";
    case ExecutionStatus::ok:
      return "ok";
    case ExecutionStatus::error:
      return "error";
    case ExecutionStatus::aborted:
      return "aborted";
    case ExecutionStatus::cancelled:
      return "cancelled";
    case ExecutionStatus::timeout:
      return "timeout";
    case ExecutionStatus::dead:
      return "dead";
  }
  return "dead";
}

void ExecutionProgress::note(const Message& message) {
  const auto type = message.header_fields().msg_type;
  if (message.channel() == Channel::shell) {
    if (type == "execute_reply") replied_ = true;
    return;
  }
  // ipykernel ignores an interrupt until shortly after its "busy"; what it says next tells that it listens.
  if (type == "execute_input") begun_ = true;
  if (type != "status") return;
  const auto state = status_of(message);
  if (state == "idle") idle_ = true;
  if (state == "busy" && silent_) begun_ = true;
}

Execution::Execution(const Executor& executor, std::shared_ptr<Conversation> conversation,
                     ExecutionRequest request, OutgoingMessage message, Audience audience)
    : conversation_(std::move(conversation)),
      request_(std::move(request)),
      message_(std::move(message)),
      id_(message_.header.msg_id),
      audience_(audience),
      read_progress_(request_),
      changed_(executor) {
  message_.cell_id = request_.cell_id;
}

void Execution::begin_reading() {
  JournalListener& listener = *this;
  if (wanted_) cursor_.emplace(conversation_->journal(), listener, CursorOptions{.audience = audience_});
}

void Execution::stop_reading() {
  wanted_ = false;
  cursor_.reset();
}

void Execution::set_status(ExecutionStatus status, std::string reason) {
  status_ = status;
  reason_ = std::move(reason);
  if (ended()) end_ = conversation_->journal().next_number();
  changed_.notify_all();
}

Execution::News Execution::read() {
  News news;
  if (cursor_ && !read_progress_.complete()) {
    auto batch = cursor_->read(batch_messages, batch_bytes);
    news.lost = batch.lost;
    news.looked_on = !batch.entries.empty();
    for (auto& entry : batch.entries) {
      auto& message = entry.message;
      if (message->parent_fields().msg_id != id_ || read_progress_.complete()) continue;
      read_progress_.note(*message);
      if (message->channel() == Channel::iopub && message->header_fields().msg_type != "status")
        news.messages.push_back(std::move(message));
    }
  }
  const bool all_read = !cursor_ || read_progress_.complete() || cursor_->position() >= end_;
  news.at_end = ended() && all_read;
  return news;
}

}  // namespace nextgen_kernels
