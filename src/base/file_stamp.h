#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <filesystem>

namespace nextgen_kernels {

/// What `stat` says about a file, enough to see that it, or the list of names in a directory, has changed.
struct FileStamp {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
  std::uint32_t mode = 0;
  std::chrono::nanoseconds modified{};
  std::chrono::nanoseconds changed{};
  /// False when the last change was so recent that another one could follow without a new time stamp: what is
  /// read now has to be read again next time.
  bool settled = false;

  bool is_directory() const;
  bool is_regular() const;
  /// The same file, unchanged since (and certainly so, when `earlier` was settled).
  bool unchanged_since(const FileStamp& earlier) const;
  bool same_file(const FileStamp& other) const { return device == other.device && inode == other.inode; }
};

/// The stamp of what the path leads to (links are followed), or `errno`.
std::expected<FileStamp, int> stamp_of(const std::filesystem::path& path);

}  // namespace nextgen_kernels
