#include "discovery/open_directory.h"

#include <algorithm>
#include <cerrno>
#include <string_view>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

namespace nextgen_kernels {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }

  int get() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

std::expected<OpenDirectory, int> OpenDirectory::open(const char* path) {
  OpenDirectory directory(::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.fd_ < 0 || ::fstat(directory.fd_, &directory.status_) != 0) return std::unexpected(errno);
  return directory;
}

OpenDirectory::~OpenDirectory() {
  if (fd_ >= 0) ::close(fd_);
}

std::expected<std::vector<std::string>, int> OpenDirectory::names() const {
  const int fd = ::openat(fd_, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
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

std::expected<OpenDirectory::SmallFile, int> OpenDirectory::read(const char* name, std::size_t limit) const {
  // Without O_NONBLOCK a FIFO would wait for its writer.
  const Descriptor file(::openat(fd_, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (file.get() < 0) return std::unexpected(errno);
  SmallFile small;
  if (::fstat(file.get(), &small.status) != 0) return std::unexpected(errno);
  if (!S_ISREG(small.status.st_mode)) return std::unexpected(EINVAL);
  if (small.status.st_size > static_cast<off_t>(limit)) return std::unexpected(EFBIG);
  // One byte more than it says it has, so that its end is seen, and one that grew is not cut.
  small.text.resize(static_cast<std::size_t>(small.status.st_size) + 1);
  std::size_t length = 0;
  while (true) {
    if (length == small.text.size()) {
      if (length > limit) return std::unexpected(EFBIG);
      small.text.resize(std::min(limit + 1, 2 * length));
    }
    const auto got = ::read(file.get(), small.text.data() + length, small.text.size() - length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::unexpected(errno);
    if (got == 0) break;
    length += static_cast<std::size_t>(got);
  }
  small.text.resize(length);
  return small;
}

}  // namespace nextgen_kernels
