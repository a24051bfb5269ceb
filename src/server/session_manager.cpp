#include "server/session_manager.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/log.h"
#include "base/random.h"

namespace nextgen_kernels {
namespace {

std::unexpected<SessionError> failure(Error error) {
  return std::unexpected(SessionError{std::move(error), {}});
}

/// Of the turn that operations on one document take. Users have notebooks of the same path, each their own.
std::string document_key(const std::string& username, const std::string& path) {
  return "path " + username + "\n" + path;
}

/// Who may use kernels of others cannot make them theirs: the session's user would end them with it.
bool fits(const KernelManager& kernel, const Session& session, const UserPointer& user) {
  return kernel.username() == session.username || (user && user->username == session.username);
}

}  // namespace

/// Held while an operation on one path or session is under way; the next one waits for its end.
class SessionManager::Turn {
 public:
  Turn(SessionManager& manager, std::string key) : manager_(manager), key_(std::move(key)) {
    manager_.turns_taken_.insert(key_);
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() {
    manager_.turns_taken_.erase(key_);
    manager_.turn_ended_.notify_all();
  }

 private:
  SessionManager& manager_;
  std::string key_;
};

SessionManager::SessionManager(Executor executor, MultiKernelManager& kernels, SessionObserver observer)
    : kernels_(kernels), observer_(std::move(observer)), turn_ended_(std::move(executor)) {}

void SessionManager::restore_sessions(const std::vector<Session>& sessions) {
  for (const auto& session : sessions) {
    if (find_session(session.id) != nullptr) continue;
    sessions_.push_back(std::make_unique<Session>(session));
    tell_changed(session);
  }
  drop_orphans();
}

void SessionManager::tell_changed(const Session& session) const {
  if (observer_.changed) observer_.changed(session);
}

Task<std::unique_ptr<SessionManager::Turn>> SessionManager::take_turn(std::string key) {
  while (turns_taken_.contains(key)) co_await turn_ended_.wait();
  co_return std::make_unique<Turn>(*this, std::move(key));
}

void SessionManager::drop_orphans() {
  std::erase_if(sessions_, [this](const auto& session) {
    if (kernels_.find_kernel(session->kernel_id) != nullptr) return false;
    if (observer_.removed) observer_.removed(session->id);
    return true;
  });
}

std::vector<Session> SessionManager::list_sessions() {
  drop_orphans();
  std::vector<Session> sessions;
  for (const auto& session : sessions_) sessions.push_back(*session);
  return sessions;
}

Session* SessionManager::find_session(std::string_view id) const {
  const auto found =
      std::ranges::find(sessions_, id, [](const auto& session) -> std::string_view { return session->id; });
  return found == sessions_.end() ? nullptr : found->get();
}

Session* SessionManager::find_document(std::string_view path, std::string_view username) const {
  const auto found = std::ranges::find_if(
      sessions_, [&](const auto& session) { return session->path == path && session->username == username; });
  return found == sessions_.end() ? nullptr : found->get();
}

void SessionManager::put(const Session& session) {
  if (auto* known = find_session(session.id))
    *known = session;
  else
    sessions_.push_back(std::make_unique<Session>(session));
  tell_changed(session);
}

void SessionManager::forget(const std::string& id) {
  if (std::erase_if(sessions_, [&id](const auto& session) { return session->id == id; }) == 0) return;
  if (observer_.removed) observer_.removed(id);
}

Task<Result<void>> SessionManager::written() const {
  if (!observer_.written) co_return Result<void>{};
  co_return co_await observer_.written();
}

Error SessionManager::unknown_session(std::string_view id) {
  return {ErrorCode::not_found, fmt::format("Session not found: session_id='{}'", id)};
}

bool SessionManager::is_visible(std::string_view id, const User& user) const {
  const auto* session = find_session(id);
  return session == nullptr || user.has_kernels_of(session->username);
}

std::shared_ptr<KernelManager> SessionManager::find_kernel(const std::string& id,
                                                           const UserPointer& user) const {
  auto kernel = kernels_.find_kernel(id);
  return kernel != nullptr && user && !user->has_kernels_of(kernel->username()) ? nullptr : kernel;
}

bool SessionManager::is_alive(const std::string& kernel_id, const UserPointer& user) const {
  const auto kernel = find_kernel(kernel_id, user);
  return kernel != nullptr && kernel->execution_state() != ExecutionState::dead;
}

Task<void> SessionManager::end_unless_shared(std::string kernel_id) {
  if (!is_shared(kernel_id)) std::ignore = co_await kernels_.shutdown_kernel(kernel_id);
}

bool SessionManager::is_shared(const std::string& kernel_id) const {
  return std::ranges::any_of(sessions_,
                             [&kernel_id](const auto& session) { return session->kernel_id == kernel_id; });
}

Result<Session> SessionManager::get_session(std::string_view id) {
  drop_orphans();
  const auto* session = find_session(id);
  if (session == nullptr) return std::unexpected(unknown_session(id));
  return *session;
}

Task<Result<std::shared_ptr<KernelManager>>> SessionManager::start_kernel(
    Session session, std::optional<std::string> kernel_name, std::optional<std::string> kernel_id) {
  StartKernelRequest request;
  request.kernel_name = std::move(kernel_name);
  request.kernel_id = std::move(kernel_id);
  request.path = session.path;
  request.document_name = session.name;
  if (!session.username.empty()) request.environment["KERNEL_USERNAME"] = session.username;
  co_return co_await kernels_.start_kernel(std::move(request));
}

Task<SessionResult<Session>> SessionManager::create_session(CreateSessionRequest request) {
  const auto username = request.user ? request.user->username : std::string();
  const auto turn = co_await take_turn(document_key(username, request.path));
  drop_orphans();
  const auto* existing = find_document(request.path, username);
  if (existing != nullptr && is_alive(existing->kernel_id, nullptr)) co_return *existing;

  const auto before = existing == nullptr ? std::nullopt : std::optional(*existing);
  Session session{.id = before ? before->id : random_uuid(),
                  .path = std::move(request.path),
                  .name = std::move(request.name),
                  .type = std::move(request.type),
                  .kernel_id = request.kernel_id.value_or(""),
                  .username = username};
  const bool needs_kernel = !is_alive(session.kernel_id, request.user);
  if (needs_kernel) {
    // Upstream forgets dead kernels: their ids are free.
    if (find_kernel(session.kernel_id, request.user) != nullptr)
      std::ignore = co_await kernels_.shutdown_kernel(session.kernel_id);
    const auto kernel = co_await start_kernel(session, request.kernel_name, request.kernel_id);
    const auto kernel_name = request.kernel_name.value_or(kernels_.default_kernel_name());
    if (!kernel)
      co_return std::unexpected(
          SessionError{kernel.error(), KernelStartFailure{kernel_name, kernel.error()}});
    session.kernel_id = (*kernel)->kernel_id();
  }
  put(session);
  if (const auto kept = co_await written(); !kept) {
    if (before)
      put(*before);
    else
      forget(session.id);
    if (needs_kernel) co_await end_unless_shared(session.kernel_id);
    co_return failure(kept.error());
  }
  if (before && before->kernel_id != session.kernel_id) co_await end_unless_shared(before->kernel_id);
  co_return session;
}

Task<SessionResult<Session>> SessionManager::update_session(std::string id, SessionChanges changes) {
  const auto turn = co_await take_turn("session " + id);
  const auto known = get_session(id);
  if (!known) co_return failure(known.error());
  const auto path = changes.path.value_or(known->path);
  const auto document_turn = co_await take_turn(document_key(known->username, path));
  const auto before = get_session(id);
  if (!before) co_return failure(before.error());
  if (path != before->path && find_document(path, before->username) != nullptr)
    co_return failure({ErrorCode::already_exists, "There is another session for this path: " + path});

  auto kernel_id = before->kernel_id;
  if (changes.kernel_id) {
    const auto kernel = find_kernel(*changes.kernel_id, changes.user);
    if (kernel == nullptr)
      co_return failure({ErrorCode::invalid_argument, "No such kernel: " + *changes.kernel_id});
    if (!fits(*kernel, *before, changes.user)) {
      co_return failure(
          {ErrorCode::invalid_argument,
           fmt::format("Kernel {} is not of the user whose session this is", *changes.kernel_id)});
    }
    kernel_id = *changes.kernel_id;
  } else if (changes.kernel_name) {
    const auto kernel = co_await start_kernel(*before, changes.kernel_name, std::nullopt);
    if (!kernel) {
      co_return std::unexpected(
          SessionError{kernel.error(), KernelStartFailure{*changes.kernel_name, kernel.error()}});
    }
    kernel_id = (*kernel)->kernel_id();
  }

  // While the kernel started, the old one may have ended and the session with it.
  Session updated = *before;
  updated.path = path;
  updated.name = changes.name.value_or(updated.name);
  updated.type = changes.type.value_or(updated.type);
  updated.kernel_id = kernel_id;
  put(updated);
  if (const auto kernel = kernels_.find_kernel(kernel_id);
      kernel != nullptr && (changes.path || changes.name)) {
    const auto directory = co_await kernels_.find_working_directory(updated.username, updated.path);
    if (directory)
      kernel->update_environment("JPY_SESSION_NAME", document_file(*directory, updated.path, updated.name));
    else
      log_warning("Kernel {} does not learn that its document is renamed: {}", kernel_id,
                  directory.error().message);
  }
  if (const auto kept = co_await written(); !kept) {
    put(*before);
    if (kernel_id != before->kernel_id && !changes.kernel_id) co_await end_unless_shared(kernel_id);
    co_return failure(kept.error());
  }
  // The session has its new kernel already, whatever becomes of the old one.
  if (before->kernel_id != kernel_id) co_await end_unless_shared(before->kernel_id);
  co_return updated;
}

Task<Result<void>> SessionManager::delete_session(std::string id) {
  const auto turn = co_await take_turn("session " + id);
  const auto* session = find_session(id);
  if (session == nullptr) co_return std::unexpected(unknown_session(id));
  const auto kernel_id = session->kernel_id;
  forget(id);
  if (co_await kernels_.shutdown_kernel(kernel_id)) co_return Result<void>{};
  std::ignore = co_await written();
  co_return make_error(ErrorCode::unavailable, "Kernel deleted before session");
}

}  // namespace nextgen_kernels
