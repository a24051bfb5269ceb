#include "app/server_state.h"

#include <array>
#include <set>
#include <tuple>
#include <utility>

#include <unistd.h>

#include "base/log.h"
#include "base/random.h"
#include "base/strings.h"

namespace nextgen_kernels {
namespace {

// A disk that is suspended, or a network that is gone, keeps nobody waiting for longer.
constexpr auto write_patience = std::chrono::seconds(10);

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "localhost";
  return name.data();
}

StoredSession stored(const Session& session) {
  return {.id = session.id,
          .kernel_id = session.kernel_id,
          .path = session.path,
          .name = session.name,
          .type = session.type,
          .username = session.username};
}

/// The ids in their order, without those that come again: what is listed first stays first at the next
/// server.
std::vector<std::string> each_once(std::vector<std::string> ids) {
  std::set<std::string> known;
  std::erase_if(ids, [&known](const std::string& id) { return !known.insert(id).second; });
  return ids;
}

}  // namespace

/// One write: what goes to the disk, and how it went.
struct ServerState::Attempt {
  std::uint64_t up_to = 0;  ///< The last change that is in it.
  StateChanges changes;
  std::optional<LeftBehind> everything;  ///< Written instead, after a write that failed.
  Result<void> result;
};

Result<std::unique_ptr<ServerState>> ServerState::open(const Executor& executor,
                                                       const std::filesystem::path& directory,
                                                       Promise promise) {
  const auto host = host_name();
  const auto file = state_file_of_this_boot(directory, host);
  const auto process = identify_process(::getpid());
  auto store =
      process
          ? StateStore::open(
                file, {.id = random_hex(16), .host = host, .domain = process_domain(), .process = *process})
          : make_error(ErrorCode::unavailable, "/proc cannot be read");
  if (store) {
    remove_files_of_earlier_boots(directory, host);
    return std::make_unique<ServerState>(
        executor, std::move(*store), Options{.promise = promise, .earlier_file = directory / "state.sqlite"});
  }
  return make_error(
      store.error().code,
      "The state of the server cannot be kept: {} Kernels run all the same, but end with this server, and "
      "none "
      "is adopted. Correct it (a broken file can be removed: {}), or set KernelState.directory to another "
      "directory.",
      as_sentence(store.error().message), file.native());
}

ServerState::ServerState(const Executor& executor, std::unique_ptr<StateStore> store, Options options)
    : executor_(executor),
      store_(std::move(store)),
      options_(std::move(options)),
      progress_(executor),
      tasks_(executor) {}

/// On the thread of the file.
Result<LeftBehind> ServerState::take_from_all() {
  auto taken = store_->take_left_behind();
  std::error_code ignored;
  const auto& file = options_.earlier_file;
  if (!taken || file.empty() || !std::filesystem::exists(file, ignored)) return taken;
  auto earlier = StateStore::open(file, store_->us());
  auto older = earlier ? (*earlier)->take_left_behind() : std::unexpected(earlier.error());
  if (!older) {
    log_warning("What a server of an earlier version left behind cannot be read: {}", older.error().message);
    return taken;
  }
  // Ours before it is no longer there.
  auto moved = store_->apply({.kernels = older->kernels, .sessions = older->sessions});
  if (moved) moved = (*earlier)->leave();
  if (!moved) log_warning("{}: {}", file.native(), moved.error().message);
  for (auto& kernel : older->kernels) taken->kernels.push_back(std::move(kernel));
  for (auto& session : older->sessions) taken->sessions.push_back(std::move(session));
  return taken;
}

Task<ServerState::Found> ServerState::take_left_behind() {
  Found found;
  auto taken = co_await files_.run([this] { return take_from_all(); });
  if (!taken) {
    log_error("{}: what earlier servers left behind cannot be read, so no kernel is adopted: {}",
              store_->file().native(), taken.error().message);
    co_return found;
  }
  for (auto& kernel : taken->kernels) {
    auto record = KernelRecord::parse(kernel.record);
    if (record) {
      found.kernels.push_back({.record = std::move(*record), .seen = kernel.seen});
      kernels_.insert_or_assign(kernel.kernel_id, std::move(kernel));
    } else {
      log_error("{}: kernel {} cannot be adopted, nor ended if it runs: {}", store_->file().native(),
                kernel.kernel_id, record.error().message);
      remove(kernel.kernel_id);  // Its sessions go when they are restored.
    }
  }
  for (auto& session : taken->sessions) {
    found.sessions.push_back({.id = session.id,
                              .path = session.path,
                              .name = session.name,
                              .type = session.type,
                              .kernel_id = session.kernel_id,
                              .username = session.username});
    sessions_.insert_or_assign(session.id, std::move(session));
  }
  co_return found;
}

void ServerState::put(const KernelRecord& record) {
  kernels_.insert_or_assign(record.kernel_id, StoredKernel{.kernel_id = record.kernel_id,
                                                           .record = record.to_json(),
                                                           .seen = Timestamp::clock::now()});
  changed_kernels_.push_back(record.kernel_id);
  change();
}

void ServerState::remove(const std::string& kernel_id) {
  kernels_.erase(kernel_id);
  changed_kernels_.push_back(kernel_id);
  change();
}

void ServerState::put(const Session& session) {
  sessions_.insert_or_assign(session.id, stored(session));
  changed_sessions_.push_back(session.id);
  change();
}

void ServerState::remove_session(const std::string& session_id) {
  sessions_.erase(session_id);
  changed_sessions_.push_back(session_id);
  change();
}

void ServerState::remove_sessions_of(const std::string& kernel_id) {
  std::vector<std::string> ids;
  for (const auto& [id, session] : sessions_)
    if (session.kernel_id == kernel_id) ids.push_back(id);
  for (const auto& id : ids) remove_session(id);
}

void ServerState::change() {
  ++changes_;
  if (!is_writing_) write_changes();
}

StateChanges ServerState::take_changes() {
  StateChanges changes;
  for (const auto& id : each_once(std::exchange(changed_kernels_, {}))) {
    if (const auto kernel = kernels_.find(id); kernel != kernels_.end())
      changes.kernels.push_back(kernel->second);
    else
      changes.removed_kernels.push_back(id);
  }
  for (const auto& id : each_once(std::exchange(changed_sessions_, {}))) {
    if (const auto session = sessions_.find(id); session != sessions_.end())
      changes.sessions.push_back(session->second);
    else
      changes.removed_sessions.push_back(id);
  }
  changes.seen = std::exchange(seen_, std::nullopt);
  return changes;
}

LeftBehind ServerState::everything() const {
  LeftBehind all;
  for (const auto& [id, kernel] : kernels_) all.kernels.push_back(kernel);
  for (const auto& [id, session] : sessions_) all.sessions.push_back(session);
  return all;
}

void ServerState::write_changes() {
  if (has_left_) return;
  is_writing_ = true;
  const auto attempt = std::make_shared<Attempt>();
  attempt->up_to = changes_;
  attempt->changes = take_changes();
  if (out_of_step_) attempt->everything = everything();
  files_.run_then(
      executor_,
      [this, attempt] {
        attempt->result =
            attempt->everything ? store_->replace(*attempt->everything) : store_->apply(attempt->changes);
      },
      [this, attempt] { finish(*attempt); });
}

void ServerState::finish(const Attempt& attempt) {
  is_writing_ = false;
  const bool was_in_step = !std::exchange(out_of_step_, !attempt.result);
  // The file may only have been removed: it is made again, with all that belongs into it.
  if (!attempt.result && was_in_step) return write_changes();
  note(attempt.result);
  attempted_ = attempt.up_to;
  if (attempt.result) written_ = attempt.up_to;
  if (changes_ > attempted_) write_changes();
  progress_.notify_all();
}

void ServerState::note(const Result<void>& result) {
  if (result) {
    if (std::exchange(has_told_, false)) log_info("{} can be written again", store_->file().native());
    return;
  }
  failure_ = result.error();
  if (std::exchange(has_told_, true)) return;
  log_error(
      "{} cannot be written: {} No kernel is started and no session is changed until it can: what is not "
      "written is lost when this server is killed. Make room, or correct its permissions; a server that is "
      "started with --no-adopt does without.",
      store_->file().native(), as_sentence(failure_.message));
}

Task<Result<void>> ServerState::written() {
  const auto mine = changes_;
  const auto limit = std::chrono::steady_clock::now() + write_patience;
  while (attempted_ < mine && !has_left_ && std::chrono::steady_clock::now() < limit)
    co_await progress_.wait_until(limit);
  if (written_ >= mine || has_left_ || options_.promise == Promise::best_effort) co_return Result<void>{};
  co_return make_error(
      ErrorCode::unavailable,
      "{} cannot be written: {} Make room, or correct its permissions, or start the server with --no-adopt",
      store_->file().native(),
      as_sentence(attempted_ < mine ? "its disk does not answer" : failure_.message));
}

void ServerState::watch(std::chrono::steady_clock::duration interval) {
  tasks_.spawn("keep the state of the server", note_again_and_again(interval));
}

Task<void> ServerState::note_again_and_again(std::chrono::steady_clock::duration interval) {
  while (true) {
    co_await sleep_for(interval);
    if (kernels_.empty() && !out_of_step_) continue;
    const auto now = Timestamp::clock::now();
    for (auto& [id, kernel] : kernels_) kernel.seen = now;
    seen_ = now;
    change();
  }
}

Task<void> ServerState::leave() {
  tasks_.cancel();
  co_await tasks_.join();
  std::ignore = co_await written();
  has_left_ = true;
  const auto left = co_await files_.run([this] { return store_->leave(); });
  if (!left) log_warning("{} cannot be written: {}", store_->file().native(), left.error().message);
}

}  // namespace nextgen_kernels
