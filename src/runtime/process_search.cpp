#include "runtime/process_search.h"

#include <charconv>
#include <filesystem>

#include <fmt/format.h>
#include <unistd.h>

#include "base/small_file.h"

namespace nextgen_kernels {
namespace {

// What execve(2) takes of arguments and environment together is less.
constexpr std::size_t largest_environment = std::size_t{8} * 1024 * 1024;

/// The value of a variable in a text of `NAME=value`, each ended by a zero byte (proc(5), environ).
std::optional<std::string> find_variable(std::string_view environment, std::string_view variable) {
  while (!environment.empty()) {
    const auto entry = environment.substr(0, environment.find('\0'));
    if (entry.starts_with(variable) && entry.substr(variable.size()).starts_with('='))
      return std::string(entry.substr(variable.size() + 1));
    environment.remove_prefix(std::min(environment.size(), entry.size() + 1));
  }
  return std::nullopt;
}

}  // namespace

std::vector<MarkedProcess> find_marked_processes(std::string_view variable) {
  namespace fs = std::filesystem;
  std::vector<MarkedProcess> found;
  std::error_code failed;
  for (fs::directory_iterator entry("/proc", failed), end; !failed && entry != end; entry.increment(failed)) {
    const auto name = entry->path().filename().native();
    pid_t pid = 0;
    const auto [last, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error != std::errc() || last != name.data() + name.size()) continue;
    const auto environment = read_small_text(fmt::format("/proc/{}/environ", pid), largest_environment);
    auto value = environment ? find_variable(*environment, variable) : std::nullopt;
    const auto identity = value ? identify_process(pid) : std::nullopt;
    if (!identity) continue;
    found.push_back(
        {.identity = *identity, .value = std::move(*value), .leads_session = ::getsid(pid) == pid});
  }
  return found;
}

}  // namespace nextgen_kernels
