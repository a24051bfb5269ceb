#include "journal/spill_file.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string>

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

namespace nextgen_kernels {
namespace {

constexpr std::size_t pieces_per_call = IOV_MAX;

/// A file system without O_TMPFILE (NFS, some overlays): named for a moment, for its owner only.
int open_and_unlink(const std::filesystem::path& directory) {
  auto path = (directory / "nextgen-kernels-journal-XXXXXX").string();
  const int fd = ::mkostemp(path.data(), O_CLOEXEC);
  if (fd >= 0) ::unlink(path.c_str());
  return fd;
}

/// Takes `count` bytes off the front of the pieces.
std::span<iovec> advance(std::span<iovec> pieces, std::size_t count) {
  while (!pieces.empty() && count >= pieces.front().iov_len) {
    count -= pieces.front().iov_len;
    pieces = pieces.subspan(1);
  }
  if (!pieces.empty()) {
    pieces.front().iov_base = static_cast<char*>(pieces.front().iov_base) + count;
    pieces.front().iov_len -= count;
  }
  return pieces;
}

}  // namespace

SpillFile::~SpillFile() {
  if (fd_ >= 0) ::close(fd_);
}

Result<void> SpillFile::open() {
  fd_ = ::open(directory_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd_ < 0) fd_ = open_and_unlink(directory_);
  if (fd_ < 0) return make_errno_error("Cannot make a file in", directory_.string(), errno);
  return {};
}

Result<void> SpillFile::write(std::uint64_t offset, std::span<const std::string_view> pieces) {
  if (fd_ < 0) {
    if (auto opened = open(); !opened) return opened;
  }
  std::vector<iovec> vectors;
  vectors.reserve(pieces.size());
  for (const auto piece : pieces) {
    if (!piece.empty())
      vectors.push_back({.iov_base = const_cast<char*>(piece.data()), .iov_len = piece.size()});
  }
  std::span<iovec> left(vectors);
  while (!left.empty()) {
    const auto count = static_cast<int>(std::min(left.size(), pieces_per_call));
    const auto written = ::pwritev(fd_, left.data(), count, static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return make_errno_error("Cannot write a file in", directory_.string(), errno);
    offset += static_cast<std::uint64_t>(written);
    left = advance(left, static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> SpillFile::read(std::uint64_t offset, std::span<char> bytes) const {
  while (!bytes.empty()) {
    const auto count = ::pread(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return make_errno_error("Cannot read a file in", directory_.string(), errno);
    if (count == 0) return make_error(ErrorCode::io, "A file in {} is too short", directory_.string());
    offset += static_cast<std::uint64_t>(count);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

}  // namespace nextgen_kernels
