#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <utility>
#include <vector>

#include <sys/stat.h>

namespace nextgen_kernels {

/// A directory held open, so that what is read from it is read from this one, whatever its path leads to by
/// then. Errors are values of `errno`.
class OpenDirectory {
 public:
  static std::expected<OpenDirectory, int> open(const char* path);

  OpenDirectory(OpenDirectory&& other) noexcept : fd_(std::exchange(other.fd_, -1)), status_(other.status_) {}
  OpenDirectory& operator=(OpenDirectory&&) = delete;
  ~OpenDirectory();

  const struct stat& status() const { return status_; }

  /// The names in it, without `.` and `..`, sorted by bytes.
  std::expected<std::vector<std::string>, int> names() const;

  /// A regular file of at most `limit` bytes in it; EFBIG for a larger one, EINVAL for one that is not
  /// regular.
  struct SmallFile {
    std::string text;
    struct stat status;
  };
  std::expected<SmallFile, int> read(const char* name, std::size_t limit) const;

 private:
  explicit OpenDirectory(int fd) : fd_(fd) {}

  int fd_;
  struct stat status_{};
};

}  // namespace nextgen_kernels
