#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <utility>

#include "base/error.h"

namespace nextgen_kernels {

/// What there was in this process before a library was loaded.
struct BeforeLoading {
  std::set<std::pair<std::string, std::uint64_t>> files;  ///< Those that were mapped, by device and inode.
  std::set<std::string> threads;                          ///< Their ids.

  static BeforeLoading now();
};

/// Puts private copies in the place of what is mapped of the files of a folder, at the same addresses, but
/// for those that were mapped before. A library that was just loaded then no longer depends on its file:
/// somebody who copies another over it neither changes nor ends code that runs.
///
/// What is read-only may be in use meanwhile. Data that is written to may not, so they are left alone when
/// there are new threads, which the library's initializers may have started; that is an error, like what the
/// system refuses.
Result<void> detach_from_files(const std::filesystem::path& folder, const BeforeLoading& before);

}  // namespace nextgen_kernels
