#include "base/small_file.h"

#include <algorithm>
#include <cerrno>

#include <unistd.h>

#include "base/file_descriptor.h"

namespace nextgen_kernels {

std::expected<SmallFile, int> read_small_file(const char* path, std::size_t limit, int directory) {
  const FileDescriptor file(::openat(directory, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC));
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

Result<std::string> read_small_text(const std::filesystem::path& file, std::size_t limit) {
  auto small = read_small_file(file.c_str(), limit);
  if (small) return std::move(small->text);
  if (small.error() == EFBIG)
    return make_error(ErrorCode::invalid_argument, "{} is larger than {} bytes", file.native(), limit);
  if (small.error() == EINVAL)
    return make_error(ErrorCode::invalid_argument, "{} is not a regular file", file.native());
  return make_errno_error("read", file.native(), small.error());
}

}  // namespace nextgen_kernels
