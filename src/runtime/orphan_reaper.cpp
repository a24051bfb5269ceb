#include "runtime/orphan_reaper.h"

#include <mutex>
#include <set>

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "runtime/process_tree.h"

namespace nextgen_kernels {
namespace {

using std::chrono::steady_clock;

// Many may end at once.
constexpr auto collect_interval = std::chrono::milliseconds(100);

struct NotedChildren {
  std::mutex mutex;
  std::set<pid_t> pids;
};

NotedChildren& noted_children() {
  static NotedChildren instance;
  return instance;
}

void reap(pid_t pid) {
  siginfo_t ignored{};
  ::waitid(P_PID, static_cast<id_t>(pid), &ignored, WEXITED | WNOHANG);
}

/// The code of others does not count on being interrupted by this signal.
void restart_system_calls() {
  struct sigaction action{};
  if (::sigaction(SIGCHLD, nullptr, &action) != 0) return;
  action.sa_flags |= SA_RESTART;
  ::sigaction(SIGCHLD, &action, nullptr);
}

/// What is started here is in our session, or leads its own: any other child had another parent before.
bool is_inherited(const ProcessStat& child) {
  return child.session != ::getsid(0) && child.session != child.pid;
}

}  // namespace

bool inherits_orphans() {
  int is_set = 0;
  return ::prctl(PR_GET_CHILD_SUBREAPER, &is_set, 0, 0, 0) == 0 && is_set != 0;
}

void note_child(pid_t pid) {
  auto& noted = noted_children();
  const std::lock_guard lock(noted.mutex);
  noted.pids.insert(pid);
}

void forget_child(pid_t pid) {
  auto& noted = noted_children();
  const std::lock_guard lock(noted.mutex);
  noted.pids.erase(pid);
}

bool is_noted_child(pid_t pid) {
  auto& noted = noted_children();
  const std::lock_guard lock(noted.mutex);
  return noted.pids.contains(pid);
}

OrphanReaper::OrphanReaper(const Executor& executor, steady_clock::duration patience)
    : patience_(patience), signals_(executor, SIGCHLD), timer_(executor) {
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0)
    log_warning("Processes that leave the process tree of their kernel cannot be followed (prctl)");
  restart_system_calls();
  wait_for_signal();
}

OrphanReaper::~OrphanReaper() {
  stop();
  ::prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
}

void OrphanReaper::stop() {
  stopped_ = true;
  signals_.cancel();
  timer_.cancel();
}

void OrphanReaper::wait_for_signal() {
  signals_.async_wait([this](const boost::system::error_code& error, int) {
    if (error || stopped_) return;
    collect_after(collect_interval);
    wait_for_signal();
  });
}

/// Unless it is done earlier anyway.
void OrphanReaper::collect_after(steady_clock::duration delay) {
  const auto due = steady_clock::now() + delay;
  if (due_ && *due_ <= due) return;
  due_ = due;
  timer_.expires_at(due);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error || stopped_) return;
    due_.reset();
    collect();
  });
}

void OrphanReaper::collect() {
  const auto now = steady_clock::now();
  std::map<pid_t, steady_clock::time_point> doubtful;
  for (const auto pid : list_children(::getpid())) {
    if (is_noted_child(pid)) continue;
    const auto stat = read_process_stat(pid);
    if (!stat || stat->state != 'Z') continue;
    const auto before = doubtful_.find(pid);
    const auto since = before == doubtful_.end() ? now : before->second;
    if (is_inherited(*stat) || now - since >= patience_)
      reap(pid);
    else
      doubtful.emplace(pid, since);
  }
  doubtful_ = std::move(doubtful);
  if (!doubtful_.empty()) collect_after(patience_);
}

}  // namespace nextgen_kernels
