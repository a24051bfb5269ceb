#include "runtime/process_family.h"

#include <algorithm>
#include <cerrno>
#include <map>
#include <set>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/orphan_reaper.h"
#include "runtime/process_tree.h"

namespace nextgen_kernels {
namespace {

// A family that is larger has no wrapper in it, but a program that starts processes without end.
constexpr std::size_t most_processes = 10'000;

using Stats = std::map<pid_t, ProcessStat>;

bool has_ended(const ProcessStat& stat) {
  return stat.state == 'Z' || stat.state == 'X';
}

ProcessIdentity identity_of(const ProcessStat& stat) {
  return {.pid = stat.pid, .start_time = stat.start_time};
}

/// These processes and all their descendants.
Stats read_trees(std::vector<pid_t> pids) {
  Stats found;
  while (!pids.empty() && found.size() < most_processes) {
    const auto pid = pids.back();
    pids.pop_back();
    const auto stat = read_process_stat(pid);
    if (!stat || !found.emplace(pid, *stat).second) continue;
    const auto children = list_children(pid);
    pids.insert(pids.end(), children.begin(), children.end());
  }
  return found;
}

std::optional<ProcessStat> read_running(const ProcessIdentity& process) {
  const auto stat = read_process_stat(process.pid);
  if (!stat || has_ended(*stat) || stat->start_time != process.start_time) return std::nullopt;
  return stat;
}

}  // namespace

ProcessFamily::ProcessFamily(const ProcessIdentity& root, std::string mark)
    : root_(root), mark_(std::move(mark)) {}

ProcessFamily::ProcessFamily(const ProcessIdentity& root, std::string mark, FamilyRecord record)
    : root_(root), mark_(std::move(mark)), record_(std::move(record)) {}

/// The processes among which those of the family are that have lost their parent.
std::vector<pid_t> ProcessFamily::candidates() const {
  // Orphans of the child of another process went to another than us.
  const bool are_ours = inherits_orphans() && is_noted_child(root_.pid);
  auto pids = are_ours ? list_children(::getpid()) : list_own_processes();
  std::erase_if(pids, [](pid_t pid) { return is_noted_child(pid) || pid == ::getpid(); });
  return pids;
}

void ProcessFamily::look() {
  if (record_.settled) return;
  std::vector<pid_t> heads;
  if (is_running(root_)) heads.push_back(root_.pid);
  for (const auto pid : candidates()) {
    const auto stat = read_process_stat(pid);
    if (!stat || has_ended(*stat)) continue;
    if (stat->session == root_.pid || (!mark_.empty() && has_environment_entry(pid, mark_)))
      heads.push_back(pid);
  }
  for (const auto& member : record_.members) heads.push_back(member.pid);
  std::vector<ProcessIdentity> members;
  for (const auto& [pid, stat] : read_trees(std::move(heads)))
    if (stat.group != root_.pid && !has_ended(stat)) members.push_back(identity_of(stat));
  record_.members = std::move(members);
}

void ProcessFamily::settle(const ListenAddress& address) {
  look();
  record_.settled = true;
  record_.listener.reset();
  if (record_.members.empty()) return;
  const auto sockets =
      address.path.empty() ? find_tcp_listeners(address.port) : find_unix_listeners(address.path);
  std::map<pid_t, ProcessIdentity> members;
  for (const auto& member : record_.members) members.emplace(member.pid, member);
  const auto listens = [&sockets](const ProcessIdentity& member) { return has_socket(member.pid, sockets); };
  if (const auto listener = std::ranges::find_if(record_.members, listens);
      listener != record_.members.end()) {
    record_.listener = *listener;
  } else if (std::ranges::any_of(read_trees({root_.pid}), [&](const auto& entry) {
               return entry.second.group == root_.pid && has_socket(entry.first, sockets);
             })) {
    record_.members.clear();
    return;
  } else {
    return;  // A program of another user, or in a container: all stay.
  }
  std::vector<ProcessIdentity> line;
  for (auto member = members.find(record_.listener->pid); member != members.end();) {
    line.push_back(member->second);
    const auto stat = read_process_stat(member->first);
    members.erase(member);  // Ids that are given away again make no circle.
    member = stat ? members.find(stat->parent) : members.end();
  }
  record_.members = std::move(line);
}

std::vector<ProcessIdentity> ProcessFamily::running() const {
  std::vector<ProcessIdentity> found;
  for (const auto& member : record_.members)
    if (read_running(member) && (::kill(member.pid, 0) == 0 || errno != EPERM)) found.push_back(member);
  return found;
}

void ProcessFamily::signal(int signal_number) const {
  std::set<pid_t> groups;
  for (const auto& member : record_.members) {
    // Its group was made by a process of the family, so it has no others.
    if (const auto stat = read_running(member); stat && stat->group > 1) groups.insert(stat->group);
  }
  for (const auto group : groups) ::killpg(group, signal_number);
}

bool ProcessFamily::signal_listener(int signal_number) const {
  if (!record_.listener) return false;
  const auto stat = read_running(*record_.listener);
  return stat && stat->group > 1 && ::killpg(stat->group, signal_number) == 0;
}

void ProcessFamily::collect() const {
  for (const auto& member : record_.members) {
    const auto stat = read_process_stat(member.pid);
    if (!stat || stat->start_time != member.start_time || stat->parent != ::getpid()) continue;
    siginfo_t ignored{};
    ::waitid(P_PID, static_cast<id_t>(member.pid), &ignored, WEXITED | WNOHANG);
  }
}

}  // namespace nextgen_kernels
