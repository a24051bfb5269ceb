#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "kernels/multi_kernel_manager.h"
#include "runtime/event.h"
#include "server/user.h"

namespace nextgen_kernels {

/// What ties a document (a notebook, a console) to the kernel that runs it.
struct Session {
  std::string id;
  std::string path;
  std::string name;
  std::string type;
  std::string kernel_id;
  std::string username = {};  ///< Whose it is; see `User`.
};

/// Body of POST /api/sessions.
struct CreateSessionRequest {
  std::string path;
  std::string name;
  std::string type;
  std::optional<std::string> kernel_id;
  std::optional<std::string> kernel_name;
  UserPointer user = nullptr;  ///< Who asks.
};

/// Body of PATCH /api/sessions/{id}: what is set is changed. An id wins over a name.
struct SessionChanges {
  std::optional<std::string> path;
  std::optional<std::string> name;
  std::optional<std::string> type;
  std::optional<std::string> kernel_id;
  std::optional<std::string> kernel_name;
  UserPointer user = nullptr;  ///< Who asks.
};

/// A session that cannot have the kernel it was to have: the kernel's name and why it did not start.
struct KernelStartFailure {
  std::string kernel_name;
  Error error;
};

/// What can go wrong with a session: in general, or with the start of its kernel.
struct SessionError {
  Error error;
  std::optional<KernelStartFailure> kernel_start;
};

template <typename T>
using SessionResult = std::expected<T, SessionError>;

/// Told what becomes of sessions, at once; for who keeps them elsewhere, too. Each may be empty.
struct SessionObserver {
  std::function<void(const Session& session)> changed;  ///< It is new, or another than before.
  std::function<void(const std::string& session_id)> removed;
  /// Ends when all that was told is kept; the error is for the client. Nothing is acknowledged before.
  std::function<Task<Result<void>>()> written = {};
};

/// The sessions of a server, in memory (jupyter_server's `SessionManager`). Owned by the server, used on its
/// executor. A session lives as long as its kernel: one whose kernel has gone is dropped when somebody looks.
class SessionManager {
 public:
  SessionManager(Executor executor, MultiKernelManager& kernels, SessionObserver observer = {});
  SessionManager(const SessionManager&) = delete;
  SessionManager& operator=(const SessionManager&) = delete;

  /// Takes over sessions of another server, of kernels that are here.
  void restore_sessions(const std::vector<Session>& sessions);

  /// In the order they were created.
  std::vector<Session> list_sessions();

  /// Whether this user may see the session; true for one that does not exist.
  bool is_visible(std::string_view id, const User& user) const;

  /// Upstream's 404 text.
  static Error unknown_session(std::string_view id);

  /// Fails with that text.
  Result<Session> get_session(std::string_view id);

  /// The session of this path, or a new one, with a kernel that runs or is started now. Several requests for
  /// one path get one session and one kernel. A session whose kernel is dead gets another one.
  Task<SessionResult<Session>> create_session(CreateSessionRequest request);

  /// Changes a session. When it gets another kernel, the old one is ended unless another session uses it.
  /// `already_exists` when another session of the user has the new path.
  Task<SessionResult<Session>> update_session(std::string id, SessionChanges changes);

  /// Ends the session and its kernel. `unavailable` when the kernel had gone before.
  Task<Result<void>> delete_session(std::string id);

 private:
  class Turn;

  Task<std::unique_ptr<Turn>> take_turn(std::string key);
  Task<Result<std::shared_ptr<KernelManager>>> start_kernel(Session session,
                                                            std::optional<std::string> kernel_name,
                                                            std::optional<std::string> kernel_id);
  /// A kernel that this user may have, or nothing.
  std::shared_ptr<KernelManager> find_kernel(const std::string& id, const UserPointer& user) const;
  /// Whether there is one that is not dead; null is everybody.
  bool is_alive(const std::string& kernel_id, const UserPointer& user) const;
  Session* find_session(std::string_view id) const;
  Session* find_document(std::string_view path, std::string_view username) const;
  void put(const Session& session);
  void forget(const std::string& id);
  Task<Result<void>> written() const;
  Task<void> end_unless_shared(std::string kernel_id);
  bool is_shared(const std::string& kernel_id) const;
  void drop_orphans();
  void tell_changed(const Session& session) const;

  MultiKernelManager& kernels_;
  SessionObserver observer_;
  std::vector<std::unique_ptr<Session>> sessions_;
  std::set<std::string> turns_taken_;  // Paths and session ids that an operation is under way for.
  Event turn_ended_;
};

}  // namespace nextgen_kernels
