#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/error.h"

namespace nextgen_kernels {

/// What a process uses, with all that it started: its descendants, and what stayed in its session.
struct ProcessUsage {
  double cpu_seconds = 0;          ///< Of those that live, since they began.
  std::uint64_t memory_bytes = 0;  ///< Resident; pages that they share are counted for each.
  int processes = 0;
  int threads = 0;
};

/// One process, as `/proc/PID/stat` has it.
struct ProcessStat {
  pid_t pid = 0;
  pid_t parent = 0;
  pid_t group = 0;
  pid_t session = 0;
  char state = ' ';              ///< `Z` and `X`: it has ended.
  std::uint64_t start_time = 0;  ///< Ticks since the boot.
  std::uint64_t cpu_ticks = 0;
  int threads = 0;
  std::uint64_t resident_pages = 0;
};

/// Reads the text of a `/proc/PID/stat` (proc(5)). Program names may have any characters in them.
Result<ProcessStat> parse_process_stat(std::string_view text);

/// The usage of each of these processes that lives. Looks at every process of the machine, once, however many
/// are asked for; blocks for some microseconds for each.
std::map<pid_t, ProcessUsage> measure_process_trees(const std::vector<pid_t>& roots);

}  // namespace nextgen_kernels
