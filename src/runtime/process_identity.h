#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <sys/types.h>

namespace nextgen_kernels {

/// Which process it is: ids are given away again, but not with the same start. A value; means something in
/// one `process_domain` only.
struct ProcessIdentity {
  pid_t pid = 0;
  std::uint64_t start_time = 0;  ///< Ticks since the boot (proc(5), field 22 of stat).

  bool operator==(const ProcessIdentity&) const = default;
};

/// The process that has this id now; nothing when none has, or when it has ended and only waits to be reaped.
std::optional<ProcessIdentity> identify_process(pid_t pid);

/// True while this very process runs.
bool is_running(const ProcessIdentity& process);

/// The id that the kernel of the system has given itself when it was booted; empty when it does not tell.
std::string boot_id();

/// Where process ids mean what they mean here: this boot of this machine, and our pid namespace.
std::string process_domain();

}  // namespace nextgen_kernels
