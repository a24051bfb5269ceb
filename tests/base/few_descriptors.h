#pragma once

#include <cstddef>
#include <stdexcept>
#include <vector>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/file_descriptor.h"

namespace nextgen_kernels {

/// Leaves this process so many file descriptors that it can still open, while it lives.
class FewDescriptors {
 public:
  explicit FewDescriptors(std::size_t left) {
    if (::getrlimit(RLIMIT_NOFILE, &usual_) != 0) throw std::runtime_error("getrlimit failed");
    std::vector<FileDescriptor> free;
    // The lowest numbers that are free, and one more: it is the first that must not be used.
    while (free.size() <= left) {
      free.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
      if (free.back().get() < 0) throw std::runtime_error("there are too few file descriptors");
    }
    auto limit = usual_;
    limit.rlim_cur = static_cast<rlim_t>(free.back().get());
    free.clear();
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) throw std::runtime_error("setrlimit failed");
  }
  ~FewDescriptors() { ::setrlimit(RLIMIT_NOFILE, &usual_); }
  FewDescriptors(const FewDescriptors&) = delete;
  FewDescriptors& operator=(const FewDescriptors&) = delete;

 private:
  rlimit usual_{};
};

}  // namespace nextgen_kernels
