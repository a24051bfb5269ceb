#include "server/session_manager.h"

#include <algorithm>
#include <utility>

#include "base/random.h"

namespace nextgen_kernels {
namespace {

std::unexpected<SessionError> failure(Error error) {
  return std::unexpected(SessionError{std::move(error), {}});
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
  // Users have notebooks of the same path, each their own.
  const auto username = request.user ? request.user->username : std::string();
  const auto turn = co_await take_turn("path " + username + "\n" + request.path);
  drop_orphans();
  const auto existing = std::ranges::find_if(sessions_, [&](const auto& session) {
    return session->path == request.path && session->username == username;
  });
  if (existing != sessions_.end()) co_return **existing;

  Session session{.id = random_uuid(),
                  .path = std::move(request.path),
                  .name = std::move(request.name),
                  .type = std::move(request.type),
                  .kernel_id = request.kernel_id.value_or(""),
                  .username = username};
  if (find_kernel(session.kernel_id, request.user) == nullptr) {
    const auto kernel_name = request.kernel_name.value_or(kernels_.default_kernel_name());
    const auto kernel = co_await start_kernel(session, kernel_name, request.kernel_id);
    if (!kernel)
      co_return std::unexpected(
          SessionError{kernel.error(), KernelStartFailure{kernel_name, kernel.error()}});
    session.kernel_id = (*kernel)->kernel_id();
  }
  sessions_.push_back(std::make_unique<Session>(session));
  tell_changed(session);
  co_return session;
}

Task<SessionResult<Session>> SessionManager::update_session(std::string id, SessionChanges changes) {
  const auto turn = co_await take_turn("session " + id);
  const auto before = get_session(id);
  if (!before) co_return failure(before.error());

  auto kernel_id = before->kernel_id;
  if (changes.kernel_id) {
    if (find_kernel(*changes.kernel_id, changes.user) == nullptr) {
      co_return failure({ErrorCode::invalid_argument, "No such kernel: " + *changes.kernel_id});
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

  // Looked up again: while the kernel started, the old one may have ended and the session with it.
  auto* session = find_session(id);
  if (session == nullptr) session = sessions_.emplace_back(std::make_unique<Session>(*before)).get();
  session->path = changes.path.value_or(session->path);
  session->name = changes.name.value_or(session->name);
  session->type = changes.type.value_or(session->type);
  session->kernel_id = kernel_id;
  const Session updated = *session;
  tell_changed(updated);
  if (const auto kernel = kernels_.find_kernel(kernel_id);
      kernel != nullptr && (changes.path || changes.name)) {
    const auto directory = co_await kernels_.find_working_directory(updated.path);
    kernel->update_environment("JPY_SESSION_NAME", document_file(directory, updated.path, updated.name));
  }
  // The session has its new kernel already, whatever becomes of the old one.
  if (before->kernel_id != kernel_id && !is_shared(before->kernel_id))
    co_await kernels_.shutdown_kernel(before->kernel_id);
  co_return updated;
}

Task<Result<void>> SessionManager::delete_session(std::string id) {
  const auto turn = co_await take_turn("session " + id);
  const auto* session = find_session(id);
  if (session == nullptr) co_return std::unexpected(unknown_session(id));
  const auto kernel_id = session->kernel_id;
  std::erase_if(sessions_, [&id](const auto& other) { return other->id == id; });
  if (observer_.removed) observer_.removed(id);
  if (!co_await kernels_.shutdown_kernel(kernel_id))
    co_return make_error(ErrorCode::unavailable, "Kernel deleted before session");
  co_return Result<void>{};
}

}  // namespace nextgen_kernels
