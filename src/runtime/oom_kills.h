#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace nextgen_kernels {

/// How many processes the system has killed for want of memory, as far as this process can see.
struct OomKills {
  std::uint64_t count = 0;
  std::filesystem::path source;  ///< The file that says so.
};

/// The count of this process's control group (cgroup v2 `memory.events`, v1 `memory.oom_control`), which its
/// children share, or else of the whole machine (`/proc/vmstat`). Nothing where none of them can be read.
/// `root` stands for `/`.
std::optional<OomKills> read_oom_kills(const std::filesystem::path& root = "/");

}  // namespace nextgen_kernels
