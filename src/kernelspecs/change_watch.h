#pragma once

#include <filesystem>

namespace nextgen_kernels {

/// Tells whether something changed in files and directories since the last question, as the operating system
/// reports it (inotify): a question costs one system call and no look at the files. Nobody has to ask: unread
/// reports are bounded, and too many of them count as a change. Reports nothing of network file systems that
/// others write to. Thread safe.
class ChangeWatch {
 public:
  ChangeWatch();
  ChangeWatch(const ChangeWatch&) = delete;
  ChangeWatch& operator=(const ChangeWatch&) = delete;
  ~ChangeWatch();

  /// False where the system has no watches to give; then every question is answered with yes.
  bool works() const { return descriptor_ >= 0; }

  /// What became of a path that is to be watched.
  enum class Added {
    known,   ///< It was watched before.
    fresh,   ///< It is watched from now on: what was read of it before may be old.
    failed,  ///< It cannot be watched (limit reached, no permission).
  };

  /// Watches a file, or a directory with the names and the contents of the files right in it. Of a path that
  /// does not exist the nearest directory above it is watched. Links are followed.
  Added watch(const std::filesystem::path& path);

  /// True when something changed since the last call.
  bool take_changes();

 private:
  int descriptor_;
};

}  // namespace nextgen_kernels
