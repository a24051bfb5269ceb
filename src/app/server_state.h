#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kernels/kernel_record.h"
#include "runtime/blocking_pool.h"
#include "runtime/event.h"
#include "runtime/task_group.h"
#include "server/session_manager.h"
#include "state/state_store.h"

namespace nextgen_kernels {

/// Keeps the server's kernels and sessions in the `StateStore`, for the server that comes after this one, and
/// fetches what the one before left behind. Owned by the application, outlives kernels and server; on their
/// executor, the file on a thread of its own.
///
/// One write is under way at a time; what changes meanwhile goes into the next one, all of it in one
/// transaction. What could not be written is written with the next change, or a few seconds later.
class ServerState final : public KernelRecorder {
 public:
  struct Found {
    std::vector<AbandonedKernel> kernels;
    std::vector<Session> sessions;
  };

  /// What `written` says of a write that failed.
  enum class Promise {
    durable,      ///< That it failed: what is not on disk must not be acknowledged.
    best_effort,  ///< Nothing; the log does. Nobody adopts these kernels.
  };

  struct Options {
    Promise promise = Promise::durable;
    std::filesystem::path earlier_file =
        {};  ///< Where versions before this one kept their kernels; or empty.
  };

  /// Opens the store in this directory; blocks. The error says what then will not be, and what to do.
  static Result<std::unique_ptr<ServerState>> open(const Executor& executor,
                                                   const std::filesystem::path& directory, Promise promise);

  ServerState(const Executor& executor, std::unique_ptr<StateStore> store, Options options);

  /// What servers that are gone left behind. It is ours from now on: kernels of it that will not be adopted
  /// must be removed.
  Task<Found> take_left_behind();

  void put(const KernelRecord& record) override;
  void remove(const std::string& kernel_id) override;

  /// `unavailable` when it could not be written, or not within ten seconds; the error says what to do.
  Task<Result<void>> written() override;

  void put(const Session& session);
  void remove_session(const std::string& session_id);
  /// The kernel is gone for good.
  void remove_sessions_of(const std::string& kernel_id);

  /// Begins to note, every so often, until when kernels were heard.
  void watch(std::chrono::steady_clock::duration interval = std::chrono::seconds(5));

  /// Nothing is left behind any more. Called last.
  Task<void> leave();

 private:
  struct Attempt;

  void change();
  void write_changes();
  void finish(const Attempt& attempt);
  StateChanges take_changes();
  void note(const Result<void>& result);
  Task<void> note_again_and_again(std::chrono::steady_clock::duration interval);
  Result<LeftBehind> take_from_all();
  LeftBehind everything() const;

  Executor executor_;
  std::unique_ptr<StateStore> store_;
  Options options_;
  std::map<std::string, StoredKernel> kernels_;    // As the file should have them.
  std::map<std::string, StoredSession> sessions_;  // As well.
  std::vector<std::string> changed_kernels_;  // Since the last write began, in order; may be removed ones.
  std::vector<std::string> changed_sessions_;
  std::optional<Timestamp> seen_;
  std::uint64_t changes_ = 0;    // Counts all there were.
  std::uint64_t attempted_ = 0;  // Up to this one they were written, or could not be.
  std::uint64_t written_ = 0;
  Error failure_;  // Of the last attempt.
  bool is_writing_ = false;
  bool out_of_step_ = false;  // The file has not all that it should have.
  bool has_told_ = false;     // In the log.
  bool has_left_ = false;
  Event progress_;
  TaskGroup tasks_;
  BlockingPool files_{1};  // Ends before the store does.
};

}  // namespace nextgen_kernels
