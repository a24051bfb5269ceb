#include "kernelspecs/change_watch.h"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>

#include <sys/inotify.h>
#include <unistd.h>

namespace nextgen_kernels {
namespace {

constexpr std::uint32_t events = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_MODIFY |
                                 IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;

}  // namespace

ChangeWatch::ChangeWatch() : descriptor_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {}

ChangeWatch::~ChangeWatch() {
  if (works()) ::close(descriptor_);
}

ChangeWatch::Added ChangeWatch::watch(const std::filesystem::path& path) {
  if (!works()) return Added::failed;
  // IN_MASK_CREATE fails for what is watched already.
  if (::inotify_add_watch(descriptor_, path.c_str(), events | IN_MASK_CREATE) >= 0) return Added::fresh;
  if (errno == EEXIST) return Added::known;
  if ((errno == ENOENT || errno == ENOTDIR) && path.has_parent_path() && path.parent_path() != path)
    return watch(path.parent_path());
  return Added::failed;
}

bool ChangeWatch::take_changes() {
  if (!works()) return true;
  bool changed = false;
  alignas(inotify_event) std::array<std::byte, 16 * 1024> reports{};
  while (::read(descriptor_, reports.data(), reports.size()) > 0) changed = true;
  return changed;
}

}  // namespace nextgen_kernels
