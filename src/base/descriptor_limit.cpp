#include "base/descriptor_limit.h"

#include <filesystem>
#include <iterator>
#include <limits>
#include <vector>

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

#include "base/file_descriptor.h"

namespace nextgen_kernels {

std::size_t descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
    return std::numeric_limits<std::size_t>::max();
  return static_cast<std::size_t>(limit.rlim_cur);
}

std::optional<std::size_t> count_open_descriptors() {
  std::error_code failed;
  std::filesystem::directory_iterator descriptors("/proc/self/fd", failed);
  std::size_t count = 0;
  while (!failed && descriptors != std::filesystem::directory_iterator()) {
    ++count;
    descriptors.increment(failed);
  }
  if (failed || count == 0) return std::nullopt;
  return count - 1;  // One is the directory's.
}

std::size_t count_free_descriptors(std::size_t most) {
  std::vector<FileDescriptor> opened;
  while (opened.size() < most) {
    FileDescriptor next(opened.empty() ? ::eventfd(0, EFD_CLOEXEC)
                                       : ::fcntl(opened.front().get(), F_DUPFD_CLOEXEC, 0));
    if (next.get() < 0) break;
    opened.push_back(std::move(next));
  }
  return opened.size();
}

}  // namespace nextgen_kernels
