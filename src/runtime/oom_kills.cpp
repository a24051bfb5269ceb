#include "runtime/oom_kills.h"

#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace nextgen_kernels {
namespace {

namespace fs = std::filesystem;

/// The value of `oom_kill` in a file of lines "name value".
std::optional<std::uint64_t> count_in(const fs::path& file) {
  std::ifstream stream(file);
  std::string name;
  std::uint64_t value = 0;
  while (stream >> name >> value) {
    if (name == "oom_kill") return value;
  }
  return std::nullopt;
}

void add_group(std::vector<fs::path>& files, const fs::path& hierarchy, std::string_view group,
               const char* name) {
  files.push_back(hierarchy / fs::path(group).relative_path() / name);
  // In a container the group is often named as the machine sees it, and mounted as the hierarchy's root.
  files.push_back(hierarchy / name);
}

/// Where the count of our group may be: /proc/self/cgroup has lines "number:controllers:group" (cgroups(7)).
std::vector<fs::path> candidates(const fs::path& root) {
  std::vector<fs::path> files;
  std::ifstream groups(root / "proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const auto first = line.find(':');
    const auto second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const auto controllers = std::string_view(line).substr(first + 1, second - first - 1);
    const auto group = std::string_view(line).substr(second + 1);
    if (controllers.empty()) add_group(files, root / "sys/fs/cgroup", group, "memory.events");
    if (controllers == "memory") add_group(files, root / "sys/fs/cgroup/memory", group, "memory.oom_control");
  }
  files.push_back(root / "proc/vmstat");
  return files;
}

}  // namespace

std::optional<OomKills> read_oom_kills(const fs::path& root) {
  for (const auto& file : candidates(root)) {
    if (const auto count = count_in(file)) return OomKills{.count = *count, .source = file};
  }
  return std::nullopt;
}

}  // namespace nextgen_kernels
