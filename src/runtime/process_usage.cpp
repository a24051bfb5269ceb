#include "runtime/process_usage.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <set>
#include <string>
#include <unordered_map>

#include <fcntl.h>
#include <unistd.h>

#include "base/strings.h"

namespace nextgen_kernels {
namespace {

using Processes = std::unordered_map<pid_t, ProcessStat>;

// In the fields after the program's name, of which the state is number 0 (proc(5) counts it as 3).
constexpr std::size_t state_field = 0;
constexpr std::size_t parent_field = 1;
constexpr std::size_t group_field = 2;
constexpr std::size_t session_field = 3;
constexpr std::size_t user_time_field = 11;
constexpr std::size_t system_time_field = 12;
constexpr std::size_t threads_field = 17;
constexpr std::size_t start_time_field = 19;
constexpr std::size_t resident_field = 21;

template <typename Number>
bool parse_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

/// A file of /proc, which fits into a page; empty when it is gone.
std::string read_small_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  std::array<char, 4096> bytes{};
  const auto count = ::read(fd, bytes.data(), bytes.size());
  ::close(fd);
  return {bytes.data(), static_cast<std::size_t>(std::max<ssize_t>(count, 0))};
}

Processes read_processes() {
  Processes processes;
  std::error_code failed;
  for (std::filesystem::directory_iterator entry("/proc", failed), end; !failed && entry != end;
       entry.increment(failed)) {
    const auto name = entry->path().filename().string();
    if (name.empty() || name.front() < '0' || name.front() > '9') continue;
    if (const auto stat = parse_process_stat(read_small_file(entry->path().string() + "/stat")); stat)
      processes.emplace(stat->pid, *stat);
  }
  return processes;
}

/// Which of the roots a process belongs to, or 0.
pid_t root_of(pid_t pid, const Processes& processes, const std::set<pid_t>& roots) {
  // Parents may change while they are read: what looks like a circle ends, too.
  for (std::size_t steps = 0; steps <= processes.size(); ++steps) {
    if (roots.contains(pid)) return pid;
    const auto process = processes.find(pid);
    if (process == processes.end()) return 0;
    if (roots.contains(process->second.session)) return process->second.session;
    pid = process->second.parent;
  }
  return 0;
}

}  // namespace

Result<ProcessStat> parse_process_stat(std::string_view text) {
  const auto malformed = make_error(ErrorCode::protocol, "Malformed /proc/PID/stat");
  const auto name_begin = text.find(" (");
  const auto name_end = text.rfind(") ");
  if (name_begin == std::string_view::npos || name_end == std::string_view::npos || name_end < name_begin)
    return malformed;
  const auto fields = split(trim(text.substr(name_end + 2)), ' ');
  if (fields.size() <= resident_field) return malformed;
  ProcessStat stat;
  std::uint64_t user_time = 0;
  std::uint64_t system_time = 0;
  if (!parse_number(text.substr(0, name_begin), stat.pid) ||
      !parse_number(fields[parent_field], stat.parent) || !parse_number(fields[group_field], stat.group) ||
      !parse_number(fields[session_field], stat.session) ||
      !parse_number(fields[user_time_field], user_time) ||
      !parse_number(fields[system_time_field], system_time) ||
      !parse_number(fields[threads_field], stat.threads) ||
      !parse_number(fields[start_time_field], stat.start_time) ||
      !parse_number(fields[resident_field], stat.resident_pages))
    return malformed;
  if (!fields[state_field].empty()) stat.state = fields[state_field].front();
  stat.cpu_ticks = user_time + system_time;
  return stat;
}

std::map<pid_t, ProcessUsage> measure_process_trees(const std::vector<pid_t>& roots) {
  const std::set<pid_t> root_set(roots.begin(), roots.end());
  const auto processes = read_processes();
  const auto ticks_per_second = static_cast<double>(::sysconf(_SC_CLK_TCK));
  const auto page_size = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  std::map<pid_t, ProcessUsage> usages;
  for (const auto& [pid, stat] : processes) {
    const auto root = root_of(pid, processes, root_set);
    if (root == 0 || !processes.contains(root)) continue;
    auto& usage = usages[root];
    usage.cpu_seconds += static_cast<double>(stat.cpu_ticks) / ticks_per_second;
    usage.memory_bytes += stat.resident_pages * page_size;
    usage.processes += 1;
    usage.threads += stat.threads;
  }
  return usages;
}

}  // namespace nextgen_kernels
