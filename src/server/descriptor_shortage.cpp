#include "server/descriptor_shortage.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/descriptor_limit.h"
#include "base/log.h"

namespace nextgen_kernels {

bool DescriptorShortage::causes(const boost::system::error_code& error) {
  return error.category() == boost::system::system_category() &&
         (error.value() == EMFILE || error.value() == ENFILE);
}

void DescriptorShortage::note(std::string_view what) {
  if (std::exchange(is_logged_, true)) return;
  looked_at_ = std::chrono::steady_clock::now();
  log_warning(
      "{}. {} of {} file descriptors are open. Connections whose clients have shown no credentials, and "
      "those "
      "without a request under way, are closed for new ones. Raise the limit, with ulimit -n or LimitNOFILE= "
      "of a systemd unit, or shut down kernels that nobody needs",
      what, count_open_descriptors().value_or(descriptor_limit()), descriptor_limit());
}

bool DescriptorShortage::look() {
  if (count_free_descriptors(kept_descriptors) < kept_descriptors) {
    note("File descriptors run out");
    return true;
  }
  if (!is_logged_) return false;
  const auto now = std::chrono::steady_clock::now();
  if (now - looked_at_ < std::chrono::seconds(1)) return false;
  looked_at_ = now;
  const auto open = count_open_descriptors();
  const auto limit = descriptor_limit();
  is_logged_ = !open || *open + std::max(limit / 10, 2 * kept_descriptors) > limit;
  if (!is_logged_)
    log_info("There are enough file descriptors again: {} of {} are open", *open, descriptor_limit());
  return false;
}

}  // namespace nextgen_kernels
