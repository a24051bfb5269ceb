#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "runtime/process_usage.h"

namespace nextgen_kernels {

/// The stat of a process; nothing when there is none with this id.
std::optional<ProcessStat> read_process_stat(pid_t pid);

/// The children of a process. One that comes or goes meanwhile may be missing.
std::vector<pid_t> list_children(pid_t pid);

/// The processes whose files in /proc belong to our user.
std::vector<pid_t> list_own_processes();

/// Whether a process was started with this entry, "NAME=VALUE", in its environment. False when that cannot be
/// read.
bool has_environment_entry(pid_t pid, std::string_view entry);

/// The inodes of the sockets that listen at a TCP port of our network namespace.
std::vector<std::string> find_tcp_listeners(std::uint16_t port);

/// The inodes of the Unix sockets that are bound to a path.
std::vector<std::string> find_unix_listeners(std::string_view path);

/// Whether a process has one of these sockets open.
bool has_socket(pid_t pid, const std::vector<std::string>& inodes);

}  // namespace nextgen_kernels
