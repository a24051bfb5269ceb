#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "journal/conversation.h"
#include "runtime/event.h"
#include "wire/outgoing_message.h"

namespace nextgen_kernels {

/// Code to run, and how (Jupyter messaging, `execute_request`).
struct ExecutionRequest {
  std::string code;
  bool silent = false;
  bool store_history = true;
  nlohmann::json user_expressions = nlohmann::json::object();
  bool stop_on_error = true;
  std::optional<std::chrono::steady_clock::duration> timeout =
      std::nullopt;          ///< Counted from when the kernel begins.
  std::string cell_id = {};  ///< The cell it belongs to; may be empty.
};

enum class ExecutionStatus {
  queued,  ///< Not given to the kernel yet.
  sent,    ///< Given to the kernel, which has something else to do first.
  running,
  ok,
  error,      ///< The code raised.
  aborted,    ///< Not run: what was before it failed, or the kernel was restarted.
  cancelled,  ///< Not run, or interrupted, because somebody asked for it.
  timeout,    ///< Interrupted, because its time had passed.
  dead,       ///< The kernel ended before the code had.
};

std::string_view to_string(ExecutionStatus status);

/// How far an execution is, by what the kernel says of it.
class ExecutionProgress {
 public:
  explicit ExecutionProgress(const ExecutionRequest& request) : silent_(request.silent) {}

  /// A message whose parent is the execution's request.
  void note(const Message& message);

  bool begun() const { return begun_; }
  bool replied() const { return replied_; }
  bool idle() const { return idle_; }
  bool complete() const { return replied_ && idle_; }

 private:
  bool silent_;
  bool begun_ = false;
  bool replied_ = false;
  bool idle_ = false;
};

/// One execution: made and moved on by the kernel's `ExecutionQueue`, read by whoever asked for it. Shared by
/// the two, on the kernel's executor. The reader has a place of its own in the kernel's journal, so it reads
/// as slowly as it likes.
class Execution final : private JournalListener {
 public:
  Execution(const Executor& executor, std::shared_ptr<Conversation> conversation, ExecutionRequest request,
            OutgoingMessage message, Audience audience);
  Execution(const Execution&) = delete;
  Execution& operator=(const Execution&) = delete;

  /// The id of its request's message.
  const std::string& id() const { return id_; }
  const ExecutionRequest& request() const { return request_; }
  ExecutionStatus status() const { return status_; }
  bool ended() const { return status_ >= ExecutionStatus::ok; }
  /// Why it ended as it did, for a person; empty when the status says it all.
  const std::string& reason() const { return reason_; }
  /// Content of the `execute_reply`; an empty object when there was none.
  const nlohmann::json& reply() const { return reply_; }
  Timestamp submitted() const { return submitted_; }

  struct News {
    std::vector<Message::Pointer> messages;  ///< What it published, in order; no status messages.
    std::optional<LostMessages> lost;        ///< Of the kernel's; gone before they were read.
    bool at_end = false;                     ///< It has ended, and nothing of it will follow.
    bool looked_on = false;                  ///< There may be more at once, although nothing here was of it.
  };

  /// What has come since the last call. Nothing of it is `at_end` while more is to come: then `wait`.
  News read();
  Task<void> wait() { return changed_.wait(); }
  /// Makes `wait` end.
  void wake() { changed_.notify_all(); }

  /// Nobody reads it any more.
  void stop_reading();

 private:
  friend class ExecutionQueue;

  void on_journal_activity() override { changed_.notify_all(); }
  void begin_reading();
  void set_status(ExecutionStatus status, std::string reason = {});

  std::shared_ptr<Conversation> conversation_;
  ExecutionRequest request_;
  OutgoingMessage message_;
  std::string id_;
  Audience audience_;
  ExecutionStatus status_ = ExecutionStatus::queued;
  std::string reason_;
  nlohmann::json reply_ = nlohmann::json::object();
  Timestamp submitted_ = Timestamp::clock::now();
  int restart_count_ = 0;            // The kernel's, of the process that this is for.
  MessageNumber end_ = 0;            // Of the journal, when it ended.
  ExecutionProgress read_progress_;  // As far as it was read.
  Event changed_;
  bool wanted_ = true;  // Somebody reads it.
  std::optional<Cursor> cursor_;
};

}  // namespace nextgen_kernels
