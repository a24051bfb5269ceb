#include "runtime/process_tree.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/strings.h"

namespace nextgen_kernels {
namespace {

namespace fs = std::filesystem;

// An environment may have megabytes; the mark of a family is looked for in the first of them.
constexpr std::size_t most_environment_bytes = 4 * 1024 * 1024;

/// A file of /proc, at most `limit` bytes of it; empty when it cannot be read.
std::string read_proc(const fs::path& path, std::size_t limit) {
  std::ifstream file(path, std::ios::binary);
  std::string text;
  while (file && text.size() < limit) {
    const auto old_size = text.size();
    text.resize(old_size + 16 * 1024);
    file.read(text.data() + old_size, static_cast<std::streamsize>(text.size() - old_size));
    text.resize(old_size + static_cast<std::size_t>(file.gcount()));
  }
  return text;
}

std::optional<pid_t> parse_pid(std::string_view text) {
  pid_t pid = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), pid);
  if (error != std::errc() || end != text.data() + text.size() || pid <= 0) return std::nullopt;
  return pid;
}

std::vector<pid_t> list_numbered(const fs::path& directory) {
  std::vector<pid_t> numbers;
  std::error_code failed;
  for (fs::directory_iterator entry(directory, failed), end; !failed && entry != end; entry.increment(failed))
    if (const auto number = parse_pid(entry->path().filename().native())) numbers.push_back(*number);
  return numbers;
}

/// Without CONFIG_PROC_CHILDREN of the system.
std::vector<pid_t> search_children(pid_t parent) {
  std::vector<pid_t> children;
  for (const auto pid : list_numbered("/proc"))
    if (const auto stat = read_process_stat(pid); stat && stat->parent == parent) children.push_back(pid);
  return children;
}

std::vector<std::string_view> words_of(std::string_view line) {
  auto words = split(line, ' ');
  std::erase_if(words, [](std::string_view word) { return word.empty(); });
  return words;
}

/// Calls `look` with the words of each line of a table of sockets.
template <typename Look>
void each_socket(const char* table, Look look) {
  std::ifstream file(table);
  for (std::string line; std::getline(file, line);) look(words_of(line));
}

}  // namespace

std::optional<ProcessStat> read_process_stat(pid_t pid) {
  constexpr std::size_t largest_stat = 4096;
  const auto stat = parse_process_stat(read_proc(fmt::format("/proc/{}/stat", pid), largest_stat));
  return stat ? std::optional(*stat) : std::nullopt;
}

std::vector<pid_t> list_children(pid_t pid) {
  static const bool are_listed = fs::exists(fmt::format("/proc/self/task/{}/children", ::getpid()));
  if (!are_listed) return search_children(pid);
  constexpr std::size_t largest_list = 16 * 1024 * 1024;
  std::vector<pid_t> children;
  const fs::path tasks = fmt::format("/proc/{}/task", pid);
  for (const auto task : list_numbered(tasks)) {
    const auto list = read_proc(tasks / std::to_string(task) / "children", largest_list);
    for (const auto word : words_of(list))
      if (const auto child = parse_pid(word)) children.push_back(*child);
  }
  return children;
}

std::vector<pid_t> list_own_processes() {
  auto processes = list_numbered("/proc");
  std::erase_if(processes, [](pid_t pid) {
    struct stat status{};
    return ::stat(fmt::format("/proc/{}", pid).c_str(), &status) != 0 || status.st_uid != ::geteuid();
  });
  return processes;
}

bool has_environment_entry(pid_t pid, std::string_view entry) {
  const auto environment = read_proc(fmt::format("/proc/{}/environ", pid), most_environment_bytes);
  const auto entries = split(environment, '\0');
  return std::ranges::find(entries, entry) != entries.end();
}

std::vector<std::string> find_tcp_listeners(std::uint16_t port) {
  // proc(5): the local address is the second word, the state (0A: listens) the fourth, the inode the tenth.
  constexpr std::size_t inode_word = 9;
  const auto end_of_address = fmt::format(":{:04X}", port);
  std::vector<std::string> inodes;
  for (const auto* table : {"/proc/self/net/tcp", "/proc/self/net/tcp6"}) {
    each_socket(table, [&](const std::vector<std::string_view>& words) {
      if (words.size() > inode_word && words[1].ends_with(end_of_address) && words[3] == "0A")
        inodes.emplace_back(words[inode_word]);
    });
  }
  return inodes;
}

std::vector<std::string> find_unix_listeners(std::string_view path) {
  // The inode is the seventh word, the path the eighth; spaces in it are told apart from others by nothing.
  constexpr std::size_t inode_word = 6;
  std::vector<std::string> inodes;
  std::ifstream file("/proc/self/net/unix");
  for (std::string line; std::getline(file, line);) {
    const auto words = words_of(line);
    if (words.size() > inode_word && line.ends_with(fmt::format(" {}", path)))
      inodes.emplace_back(words[inode_word]);
  }
  return inodes;
}

bool has_socket(pid_t pid, const std::vector<std::string>& inodes) {
  constexpr std::string_view prefix = "socket:[";
  std::error_code failed;
  for (fs::directory_iterator entry(fmt::format("/proc/{}/fd", pid), failed), end; !failed && entry != end;
       entry.increment(failed)) {
    std::error_code ignored;
    const auto target = fs::read_symlink(entry->path(), ignored).native();
    if (!target.starts_with(prefix) || !target.ends_with("]")) continue;
    const auto inode = std::string_view(target).substr(prefix.size(), target.size() - prefix.size() - 1);
    if (std::ranges::find(inodes, inode) != inodes.end()) return true;
  }
  return false;
}

}  // namespace nextgen_kernels
