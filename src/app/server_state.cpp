#include "app/server_state.h"

#include <array>
#include <utility>

#include <unistd.h>

#include "base/log.h"
#include "base/random.h"
#include "base/strings.h"
#include "runtime/event.h"

namespace nextgen_kernels {
namespace {

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

}  // namespace

Result<std::unique_ptr<ServerState>> ServerState::open(const Executor& executor,
                                                       const std::filesystem::path& directory) {
  const auto file = directory / "state.sqlite";
  const auto us = identify_process(::getpid());
  auto store =
      us ? StateStore::open(
               file, {.id = random_hex(16), .host = host_name(), .domain = process_domain(), .process = *us})
         : make_error(ErrorCode::unavailable, "/proc cannot be read");
  if (store) return std::make_unique<ServerState>(executor, std::move(*store));
  return make_error(
      store.error().code,
      "The state of the server cannot be kept: {} Kernels run all the same, but end with this server, and "
      "none "
      "is adopted. Correct it (a broken file can be removed: {}), or set KernelState.directory to another "
      "directory.",
      as_sentence(store.error().message), file.native());
}

ServerState::ServerState(const Executor& executor, std::unique_ptr<StateStore> store)
    : executor_(executor), store_(std::move(store)), tasks_(executor) {}

Task<ServerState::Found> ServerState::take_left_behind() {
  Found found;
  auto taken = co_await files_.run([this] { return store_->take_left_behind(); });
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
  StoredKernel kernel{
      .kernel_id = record.kernel_id, .record = record.to_json(), .seen = Timestamp::clock::now()};
  kernels_.insert_or_assign(record.kernel_id, std::move(kernel));
  // One write at a time: however often a record changes meanwhile, only its newest state is written after it.
  const auto [in_writing, is_first] = kernels_in_writing_.try_emplace(record.kernel_id, false);
  in_writing->second = !is_first;
  if (is_first) write_kernel(record.kernel_id);
}

void ServerState::write_kernel(const std::string& kernel_id) {
  auto result = std::make_shared<Result<void>>();
  files_.run_then(
      executor_, [this, result, kernel = kernels_.at(kernel_id)] { *result = store_->put_kernel(kernel); },
      [this, result, kernel_id] {
        note(*result);
        const auto has_changed =
            kernels_in_writing_.extract(kernel_id).mapped() && kernels_.contains(kernel_id);
        if (!has_changed) return;
        kernels_in_writing_.emplace(kernel_id, false);
        write_kernel(kernel_id);
      });
}

void ServerState::remove(const std::string& kernel_id) {
  kernels_.erase(kernel_id);
  write([kernel_id](StateStore& store) { return store.remove_kernel(kernel_id); });
}

Task<void> ServerState::written() {
  co_await files_.run([] { return true; });
  co_await files_.run([] { return true; });  // What changed while it was written.
}

void ServerState::put(const Session& session) {
  sessions_.insert_or_assign(session.id, stored(session));
  write([session = stored(session)](StateStore& store) { return store.put_session(session); });
}

void ServerState::remove_session(const std::string& session_id) {
  sessions_.erase(session_id);
  write([session_id](StateStore& store) { return store.remove_session(session_id); });
}

void ServerState::remove_sessions_of(const std::string& kernel_id) {
  std::vector<std::string> ids;
  for (const auto& [id, session] : sessions_)
    if (session.kernel_id == kernel_id) ids.push_back(id);
  for (const auto& id : ids) remove_session(id);
}

void ServerState::write(Write write) {
  auto result = std::make_shared<Result<void>>();
  files_.run_then(
      executor_, [this, result, write = std::move(write)] { *result = write(*store_); },
      [this, result] { note(*result); });
}

void ServerState::note(const Result<void>& result) {
  if (result) return;
  if (!std::exchange(out_of_step_, true)) {
    log_error(
        "{} cannot be written: {} If this server is killed now, kernels that were started since may be left "
        "running. Make room, or correct its permissions: it is tried again every few seconds.",
        store_->file().native(), as_sentence(result.error().message));
  }
}

LeftBehind ServerState::everything() const {
  LeftBehind all;
  for (const auto& [id, kernel] : kernels_) all.kernels.push_back(kernel);
  for (const auto& [id, session] : sessions_) all.sessions.push_back(session);
  return all;
}

void ServerState::watch(std::chrono::steady_clock::duration interval) {
  tasks_.spawn("keep the state of the server", note_again_and_again(interval));
}

Task<void> ServerState::note_again_and_again(std::chrono::steady_clock::duration interval) {
  while (true) {
    co_await sleep_for(interval);
    const auto now = Timestamp::clock::now();
    if (out_of_step_) {
      const auto written = co_await files_.run([this, all = everything()] { return store_->replace(all); });
      if (written) {
        out_of_step_ = false;
        log_info("{} can be written again", store_->file().native());
      }
    }
    if (kernels_.empty()) continue;
    for (auto& [id, kernel] : kernels_) kernel.seen = now;
    write([now](StateStore& store) { return store.note_seen(now); });
  }
}

Task<void> ServerState::leave() {
  tasks_.cancel();
  co_await tasks_.join();
  co_await written();
  const auto left = co_await files_.run([this] { return store_->leave(); });
  if (!left) note(left);
}

}  // namespace nextgen_kernels
