#include "runtime/process_identity.h"

#include <filesystem>

#include <fmt/format.h>

#include "base/small_file.h"
#include "base/strings.h"
#include "runtime/process_usage.h"

namespace nextgen_kernels {
namespace {

constexpr std::size_t largest_file = 4096;

/// Files of /proc say that they are empty; they are read all the same.
std::string read_text(const std::string& path) {
  return read_small_text(path, largest_file).value_or(std::string());
}

}  // namespace

std::optional<ProcessIdentity> identify_process(pid_t pid) {
  const auto stat = parse_process_stat(read_text(fmt::format("/proc/{}/stat", pid)));
  if (!stat || stat->state == 'Z' || stat->state == 'X') return std::nullopt;
  return ProcessIdentity{.pid = pid, .start_time = stat->start_time};
}

bool is_running(const ProcessIdentity& process) {
  return identify_process(process.pid) == process;
}

std::string boot_id() {
  return std::string(trim(read_text("/proc/sys/kernel/random/boot_id")));
}

std::string process_domain() {
  std::error_code ignored;
  const auto pid_namespace = std::filesystem::read_symlink("/proc/self/ns/pid", ignored);
  return fmt::format("{} {}", boot_id(), pid_namespace.string());
}

}  // namespace nextgen_kernels
