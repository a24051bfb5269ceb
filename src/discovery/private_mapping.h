#pragma once

#include <filesystem>
#include <set>
#include <utility>

#include "base/error.h"

namespace nextgen_kernels {

/// Files by device and inode.
using FileIdentities = std::set<std::pair<std::string, std::uint64_t>>;

/// The files of which something is mapped into this process.
FileIdentities mapped_files();

/// Makes a private copy of what is mapped of the files of a folder, at the same addresses, but for those that
/// were mapped `before`. A library that was just loaded then no longer depends on its file: somebody who
/// copies another over it does not change code that runs. May be called while other threads use the library.
Result<void> detach_from_files(const std::filesystem::path& folder, const FileIdentities& before);

}  // namespace nextgen_kernels
