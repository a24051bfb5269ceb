#include "kernels/descriptor_check.h"

#include "base/descriptor_limit.h"

namespace nextgen_kernels {
namespace {

// Its connections, its output, its process, the files of its journal, and those of its launch.
constexpr std::size_t descriptors_of_kernel = 12;

}  // namespace

Result<void> check_descriptors_for_kernel(std::size_t starting) {
  const auto open = count_open_descriptors();
  const auto limit = descriptor_limit();
  if (!open || *open + descriptors_of_kernel * (starting + 1) + kept_descriptors <= limit) return {};
  return make_error(
      ErrorCode::unavailable,
      "No kernel can be started: {} of {} file descriptors are open, a kernel takes up to {}, and {} "
      "are kept for requests. Shut down kernels that nobody needs, or raise the limit of the server, "
      "with ulimit -n or LimitNOFILE= of a systemd unit",
      *open, limit, descriptors_of_kernel, kept_descriptors);
}

}  // namespace nextgen_kernels
