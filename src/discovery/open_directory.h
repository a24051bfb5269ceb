#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <utility>
#include <vector>

#include <sys/stat.h>

#include "base/file_descriptor.h"
#include "base/small_file.h"

namespace nextgen_kernels {

/// A directory held open, so that what is read from it is read from this one, whatever its path leads to by
/// then. Errors are values of `errno`.
class OpenDirectory {
 public:
  static std::expected<OpenDirectory, int> open(const char* path);

  const struct stat& status() const { return status_; }

  /// The names in it, without `.` and `..`, sorted by bytes.
  std::expected<std::vector<std::string>, int> names() const;

  /// A file in it, as `read_small_file` reads it.
  std::expected<SmallFile, int> read(const char* name, std::size_t limit) const {
    return read_small_file(name, limit, descriptor_.get());
  }

 private:
  explicit OpenDirectory(FileDescriptor descriptor) : descriptor_(std::move(descriptor)) {}

  FileDescriptor descriptor_;
  struct stat status_{};
};

}  // namespace nextgen_kernels
