#include "base/file_stamp.h"

#include <cerrno>

#include <sys/stat.h>

namespace nextgen_kernels {
namespace {

/// The coarsest time stamps of file systems in use (FAT) have a granularity of two seconds.
constexpr std::chrono::seconds settling_time{3};

std::chrono::nanoseconds since_epoch(const timespec& time) {
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace

bool FileStamp::is_directory() const {
  return S_ISDIR(mode);
}

bool FileStamp::is_regular() const {
  return S_ISREG(mode);
}

bool FileStamp::unchanged_since(const FileStamp& earlier) const {
  return same_file(earlier) && size == earlier.size && mode == earlier.mode && modified == earlier.modified &&
         changed == earlier.changed;
}

std::expected<FileStamp, int> stamp_of(const std::filesystem::path& path) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return std::unexpected(errno);
  FileStamp stamp{.device = status.st_dev,
                  .inode = status.st_ino,
                  .size = static_cast<std::uint64_t>(status.st_size),
                  .mode = status.st_mode,
                  .modified = since_epoch(status.st_mtim),
                  .changed = since_epoch(status.st_ctim)};
  stamp.settled = stamp.changed + settling_time < now;
  return stamp;
}

}  // namespace nextgen_kernels
