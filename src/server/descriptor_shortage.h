#pragma once

#include <chrono>
#include <string_view>

#include <boost/system/error_code.hpp>

namespace nextgen_kernels {

/// Notices that file descriptors run out, as many clients can bring about, and says so in the log: once,
/// until a tenth of them is free again. Owned by the server; on its executor.
class DescriptorShortage {
 public:
  /// Whether an operation failed because there are no more.
  static bool causes(const boost::system::error_code& error);

  /// Something failed for that reason.
  void note(std::string_view what);

  /// Whether no more are left than `kept_descriptors`.
  bool look();

 private:
  bool is_logged_ = false;
  std::chrono::steady_clock::time_point looked_at_;
};

}  // namespace nextgen_kernels
