#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace nextgen_kernels {

/// A file without a name: nobody else can open it, and it is gone with its last user. Blocks; for the threads
/// where that is allowed. One thread writes at a time; reading what was written is safe on any.
class SpillFile {
 public:
  explicit SpillFile(std::filesystem::path directory) : directory_(std::move(directory)) {}
  SpillFile(const SpillFile&) = delete;
  SpillFile& operator=(const SpillFile&) = delete;
  ~SpillFile();

  /// Writes the pieces one after the other. The first write makes the file.
  Result<void> write(std::uint64_t offset, std::span<const std::string_view> pieces);

  Result<void> read(std::uint64_t offset, std::span<char> bytes) const;

 private:
  Result<void> open();

  std::filesystem::path directory_;
  int fd_ = -1;
};

}  // namespace nextgen_kernels
