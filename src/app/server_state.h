#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "kernels/kernel_record.h"
#include "runtime/blocking_pool.h"
#include "runtime/task_group.h"
#include "server/session_manager.h"
#include "state/state_store.h"

namespace nextgen_kernels {

/// Keeps the server's kernels and sessions in the `StateStore`, for the server that comes after this one, and
/// fetches what the one before left behind. Owned by the application, outlives kernels and server; on their
/// executor, the file on a thread of its own.
///
/// A store that fails stops nothing: it is told in the log, with what to do; what could not be written is
/// written once that is possible again.
class ServerState final : public KernelRecorder {
 public:
  struct Found {
    std::vector<AbandonedKernel> kernels;
    std::vector<Session> sessions;
  };

  /// Opens the store in this directory; blocks. The error says what then will not be, and what to do.
  static Result<std::unique_ptr<ServerState>> open(const Executor& executor,
                                                   const std::filesystem::path& directory);

  ServerState(const Executor& executor, std::unique_ptr<StateStore> store);

  /// What servers that are gone left behind. It is ours from now on: kernels of it that will not be adopted
  /// must be removed.
  Task<Found> take_left_behind();

  void put(const KernelRecord& record) override;
  void remove(const std::string& kernel_id) override;
  Task<void> written() override;

  void put(const Session& session);
  void remove_session(const std::string& session_id);
  /// The kernel is gone for good.
  void remove_sessions_of(const std::string& kernel_id);

  /// Begins to note, every so often, until when kernels were heard.
  void watch(std::chrono::steady_clock::duration interval = std::chrono::seconds(5));

  /// Nothing is left behind any more. Called last.
  Task<void> leave();

 private:
  using Write = std::function<Result<void>(StateStore& store)>;

  void write(Write write);
  void write_kernel(const std::string& kernel_id);
  void note(const Result<void>& result);
  Task<void> note_again_and_again(std::chrono::steady_clock::duration interval);
  LeftBehind everything() const;

  Executor executor_;
  std::unique_ptr<StateStore> store_;
  std::map<std::string, StoredKernel> kernels_;     // As the file should have them.
  std::map<std::string, StoredSession> sessions_;   // As well.
  std::map<std::string, bool> kernels_in_writing_;  // Whether there was a newer record since.
  bool out_of_step_ = false;                        // The file has not all of that.
  TaskGroup tasks_;
  BlockingPool files_{1};  // One thread: what is written is written in order. Ends before the store does.
};

}  // namespace nextgen_kernels
