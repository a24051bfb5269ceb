#include "discovery/open_directory.h"

#include <algorithm>
#include <cerrno>
#include <string_view>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

namespace nextgen_kernels {
std::expected<OpenDirectory, int> OpenDirectory::open(const char* path) {
  OpenDirectory directory(FileDescriptor(::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
  const int descriptor = directory.descriptor_.get();
  if (descriptor < 0 || ::fstat(descriptor, &directory.status_) != 0) return std::unexpected(errno);
  return directory;
}

std::expected<std::vector<std::string>, int> OpenDirectory::names() const {
  const int fd = ::openat(descriptor_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return std::unexpected(errno);
  DIR* const stream = ::fdopendir(fd);
  if (stream == nullptr) {
    ::close(fd);
    return std::unexpected(errno);
  }
  std::vector<std::string> names;
  errno = 0;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is this function's own.
  while (const auto* entry = ::readdir(stream)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
    errno = 0;
  }
  const int error = errno;
  ::closedir(stream);
  if (error != 0) return std::unexpected(error);
  std::ranges::sort(names);
  return names;
}

}  // namespace nextgen_kernels
