#include "kernels/execution_queue.h"

#include <algorithm>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "base/log.h"
#include "base/random.h"
#include "wire/json.h"

namespace nextgen_kernels {
namespace {

constexpr std::size_t most_waiting = 1000;
constexpr std::size_t most_waiting_bytes = std::size_t{64} * 1024 * 1024;
constexpr std::size_t batch_messages = 512;
constexpr std::size_t batch_bytes = 1024 * 1024;
// After so long, code that goes on in spite of the interrupt is not waited for any more.
constexpr auto interrupt_patience = std::chrono::seconds(10);
// A reply and the idle that follows it come on two connections. After so long, ipykernel has lost the reply:
// it does when an interrupt comes while it makes it.
constexpr auto reply_patience = std::chrono::seconds(10);
constexpr auto reply_patience_after_interrupt = std::chrono::seconds(1);

std::string content_of(const ExecutionRequest& request) {
  const nlohmann::json content = {{"code", request.code},
                                  {"silent", request.silent},
                                  {"store_history", request.store_history && !request.silent},
                                  {"user_expressions", request.user_expressions},
                                  {"allow_stdin", false},
                                  {"stop_on_error", request.stop_on_error}};
  return content.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

ExecutionStatus status_of(const nlohmann::json& reply) {
  const auto status = reply.find("status");
  if (status == reply.end() || !status->is_string()) return ExecutionStatus::error;
  if (*status == "ok") return ExecutionStatus::ok;
  // "abort" is what kernels of protocol 5.0 said.
  return *status == "aborted" || *status == "abort" ? ExecutionStatus::aborted : ExecutionStatus::error;
}

/// An empty object when it is none, or nested so deep that nobody could write it.
nlohmann::json parse_reply(std::string_view content) {
  constexpr std::size_t deepest_nesting = 256;
  auto reply = nests_deeper_than(content, deepest_nesting) ? nlohmann::json()
                                                           : nlohmann::json::parse(content, nullptr, false);
  return reply.is_object() ? std::move(reply) : nlohmann::json::object();
}

Task<void> interrupt_kernel(std::shared_ptr<KernelManager> kernel) {
  if (const auto interrupted = co_await kernel->interrupt_kernel(); !interrupted)
    log_warning("Kernel {}: {}", kernel->kernel_id(), interrupted.error().message);
}

}  // namespace

ExecutionQueue::ExecutionQueue(Executor executor, std::shared_ptr<KernelManager> kernel)
    : executor_(executor),
      kernel_(std::move(kernel)),
      session_(random_uuid()),
      audience_(kernel_->conversation()->audience_of(session_)),
      timer_(std::move(executor)) {}

ExecutionQueue::~ExecutionQueue() {
  end_all(ExecutionStatus::dead, "The kernel was shut down");
}

Result<std::shared_ptr<Execution>> ExecutionQueue::submit(ExecutionRequest request) {
  if (kernel_->execution_state() == ExecutionState::dead) {
    return make_error(ErrorCode::unavailable, "The code was not run: kernel {} is dead. {}",
                      kernel_->kernel_id(), kernel_->reason());
  }
  if (waiting_.size() >= most_waiting) {
    return make_error(ErrorCode::resource_limit, "{} executions wait for kernel {} already", most_waiting,
                      kernel_->kernel_id());
  }
  auto bytes = request.code.size();
  for (const auto& waiting : waiting_) bytes += waiting->request().code.size();
  if (!waiting_.empty() && bytes > most_waiting_bytes) {
    return make_error(ErrorCode::resource_limit,
                      "More than {} MiB of code would wait for kernel {}: let it run what it has first",
                      most_waiting_bytes >> 20, kernel_->kernel_id());
  }
  auto message = make_request(Channel::shell, "execute_request", content_of(request), session_);
  if (!message) return std::unexpected(message.error());
  auto execution = std::make_shared<Execution>(executor_, kernel_->conversation(), std::move(request),
                                               std::move(*message), audience_);
  execution->restart_count_ = kernel_->restart_count_of_requests();
  waiting_.push_back(execution);
  send_next();
  return execution;
}

Result<ExecutionQueue::Cancellation> ExecutionQueue::cancel(std::string_view execution_id) {
  if (current_ != nullptr && current_->id() == execution_id && !current_has_ended()) {
    interrupt(ExecutionStatus::cancelled);
    return progress_->begun() ? Cancellation::interrupted : Cancellation::when_it_begins;
  }
  const auto waiting = std::ranges::find(waiting_, execution_id, &Execution::id);
  if (waiting == waiting_.end())
    return make_error(ErrorCode::not_found, "Execution {} does not wait or run on kernel {}", execution_id,
                      kernel_->kernel_id());
  const auto execution = *waiting;
  waiting_.erase(waiting);
  execution->set_status(ExecutionStatus::cancelled, "Withdrawn before it began");
  if (current_ == nullptr) {  // Another may be the next one now.
    turn_.reset();
    send_next();
  }
  return Cancellation::withdrawn;
}

std::vector<std::shared_ptr<const Execution>> ExecutionQueue::list() const {
  std::vector<std::shared_ptr<const Execution>> executions;
  if (current_ != nullptr) executions.push_back(current_);
  executions.insert(executions.end(), waiting_.begin(), waiting_.end());
  return executions;
}

void ExecutionQueue::send_next() {
  while (current_ == nullptr && !waiting_.empty()) {
    if (!turn_) turn_ = kernel_->conversation()->requests().last_place();
    watch();
    if (!is_next_free()) return;
    turn_.reset();
    const auto next = std::move(waiting_.front());
    waiting_.pop_front();
    if (!send(next)) continue;
    current_ = next;
  }
  if (current_ != nullptr) return;
  turn_.reset();
  cursor_.reset();
}

/// Whether the kernel would begin with the next one at once, as far as it is known here: what came later by
/// other ways goes before it then, but does not keep it waiting for ever.
bool ExecutionQueue::is_next_free() const {
  const auto state = kernel_->execution_state();
  if (state == ExecutionState::starting || state == ExecutionState::restarting || kernel_->is_ending())
    return false;
  return !kernel_->conversation()->requests().is_executing(*turn_);
}

/// As far as the kernel is concerned; what it said of it may still have to be read.
bool ExecutionQueue::current_has_ended() const {
  const auto* request = kernel_->conversation()->requests().recall(current_->id());
  return request != nullptr && (request->replied || request->idle);
}

void ExecutionQueue::watch() {
  JournalListener& listener = *this;
  if (!cursor_)
    cursor_.emplace(kernel_->conversation()->journal(), listener, CursorOptions{.audience = audience_});
}

bool ExecutionQueue::send(const std::shared_ptr<Execution>& execution) {
  execution->begin_reading();
  progress_.emplace(execution->request());
  interrupt_cause_.reset();
  interrupted_ = false;
  if (auto sent = kernel_->handle_incoming_message(execution->message_, audience_); !sent) {
    execution->set_status(ExecutionStatus::dead, sent.error().message);
    return false;
  }
  execution->set_status(ExecutionStatus::sent);
  return true;
}

void ExecutionQueue::on_journal_activity() {
  const auto self = shared_from_this();
  while (cursor_) {
    const auto batch = cursor_->read(batch_messages, batch_bytes);
    if (batch.entries.empty()) break;
    for (const auto& entry : batch.entries) follow(*entry.message);
  }
  look_at_kernel();
  look_for_reply();
  if (current_ == nullptr) send_next();
}

void ExecutionQueue::follow(const Message& message) {
  if (current_ == nullptr || message.parent_fields().msg_id != current_->id()) return;
  if (was_answered_by_server()) return;
  const bool had_begun = progress_->begun();
  progress_->note(message);
  if (message.channel() == Channel::shell && message.header_fields().msg_type == "execute_reply") {
    current_->reply_ = parse_reply(message.content());
  }
  if (!had_begun && progress_->begun()) note_begun();
  if (progress_->complete()) return finish_current();
  if (progress_->idle()) arm_timer(interrupted_ ? reply_patience_after_interrupt : reply_patience);
}

/// In the place of a process that has ended: what becomes of the execution follows from that end.
bool ExecutionQueue::was_answered_by_server() const {
  const auto* request = kernel_->conversation()->requests().recall(current_->id());
  return request != nullptr && request->abandoned;
}

/// The reply to a later request shows that there will be none any more.
void ExecutionQueue::look_for_reply() {
  if (current_ == nullptr || !progress_->idle() || !cursor_->at_end() || was_answered_by_server()) return;
  if (kernel_->conversation()->requests().find(current_->id()) == nullptr) finish_current();
}

/// What becomes of a kernel that does not answer any more.
void ExecutionQueue::look_at_kernel() {
  if (current_ == nullptr && waiting_.empty()) return;
  if (kernel_->execution_state() == ExecutionState::dead || kernel_->conversation()->journal().closed()) {
    const auto& reason = kernel_->reason();
    end_all(ExecutionStatus::dead, reason.empty() ? "The kernel was shut down" : reason);
  } else {
    end_those_of_earlier_processes();
  }
}

void ExecutionQueue::end_those_of_earlier_processes() {
  const auto is_of_earlier_process = [this](const std::shared_ptr<Execution>& execution) {
    return execution != nullptr && execution->restart_count_ < kernel_->restart_count();
  };
  const auto reason = kernel_->reason().empty() ? "The kernel was restarted" : kernel_->reason();
  if (is_of_earlier_process(current_)) {
    timer_.cancel();
    const auto execution = std::exchange(current_, nullptr);
    if (!execution->ended()) execution->set_status(ExecutionStatus::dead, reason);
  }
  while (!waiting_.empty() && is_of_earlier_process(waiting_.front())) {
    const auto execution = std::move(waiting_.front());
    waiting_.pop_front();
    execution->set_status(ExecutionStatus::aborted, reason);
    turn_.reset();
  }
}

void ExecutionQueue::note_begun() {
  if (!current_->ended()) current_->set_status(ExecutionStatus::running);
  if (interrupt_cause_)
    interrupt(*interrupt_cause_);
  else if (current_->request().timeout)
    arm_timer(*current_->request().timeout);
}

void ExecutionQueue::finish_current() {
  timer_.cancel();
  const auto execution = std::exchange(current_, nullptr);
  const auto replied = status_of(execution->reply());
  if (!execution->ended()) {
    const bool was_interrupted = interrupt_cause_ && replied != ExecutionStatus::ok;
    execution->set_status(was_interrupted ? *interrupt_cause_ : replied,
                          progress_->replied() ? "" : "The kernel ended it without a reply");
  }
  kernel_->conversation()->give_up_request(execution->id());
  const bool withdrawn = interrupt_cause_ == ExecutionStatus::cancelled;
  if (replied == ExecutionStatus::aborted && !withdrawn)
    abort_waiting("Something that the kernel ran before it failed");
  if (replied == ExecutionStatus::error && execution->request().stop_on_error && !withdrawn)
    abort_waiting(fmt::format("Execution {}, which came before it, failed", execution->id()));
  send_next();
}

void ExecutionQueue::abort_waiting(const std::string& reason) {
  for (const auto& execution : std::exchange(waiting_, {}))
    execution->set_status(ExecutionStatus::aborted, reason);
}

void ExecutionQueue::end_all(ExecutionStatus status, const std::string& reason) {
  timer_.cancel();
  cursor_.reset();
  turn_.reset();
  if (const auto execution = std::exchange(current_, nullptr); execution != nullptr && !execution->ended())
    execution->set_status(status, reason);
  abort_waiting(reason);
}

void ExecutionQueue::interrupt(ExecutionStatus cause) {
  // Before it has begun, and after it has ended, the kernel runs what somebody else asked for.
  if (current_has_ended()) return;
  interrupt_cause_ = cause;
  if (!progress_->begun()) return;
  asio::co_spawn(executor_, interrupt_kernel(kernel_), asio::detached);
  if (!std::exchange(interrupted_, true)) arm_timer(interrupt_patience);
}

void ExecutionQueue::on_timeout() {
  if (current_ == nullptr) return;
  if (progress_->idle()) return finish_current();
  if (current_->ended()) return;
  if (!interrupted_) return interrupt(ExecutionStatus::timeout);
  // It stays current_: the kernel takes nothing else before it ends.
  current_->set_status(*interrupt_cause_, "The code was interrupted, but goes on running");
}

void ExecutionQueue::arm_timer(std::chrono::steady_clock::duration delay) {
  timer_.expires_after(delay);
  timer_.async_wait([weak = weak_from_this(), execution = current_](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (!error && self != nullptr && self->current_ == execution &&
        self->timer_.expiry() <= std::chrono::steady_clock::now())
      self->on_timeout();
  });
}

}  // namespace nextgen_kernels
