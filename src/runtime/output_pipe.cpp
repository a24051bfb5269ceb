#include "runtime/output_pipe.h"

#include <array>
#include <charconv>
#include <filesystem>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace nextgen_kernels {

Result<OutputPipe> make_output_pipe(ChildLifetime lifetime) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return make_errno_error("pipe", "for kernel output", errno);
  OutputPipe pipe{.read_end = FileDescriptor(ends[0]), .write_end = FileDescriptor(ends[1])};
  struct stat status{};
  if (::fstat(pipe.read_end.get(), &status) != 0)
    return make_errno_error("inspect", "the pipe for kernel output", errno);
  pipe.inode = status.st_ino;
  if (lifetime == ChildLifetime::ours) return pipe;
  // A write end that counts as a read end, too: while the child has it, nobody's writing to the pipe can
  // fail, whoever has gone. A full pipe makes it wait.
  const auto name = "/proc/self/fd/" + std::to_string(ends[1]);
  pipe.write_end = FileDescriptor(::open(name.c_str(), O_RDWR | O_CLOEXEC));
  if (pipe.write_end.get() < 0) return make_errno_error("open", "the pipe for kernel output", errno);
  return pipe;
}

std::uint64_t find_output_pipe(pid_t pid) {
  constexpr std::string_view prefix = "pipe:[";
  std::error_code ignored;
  const auto target =
      std::filesystem::read_symlink("/proc/" + std::to_string(pid) + "/fd/1", ignored).native();
  std::uint64_t inode = 0;
  if (target.starts_with(prefix))
    std::from_chars(target.data() + prefix.size(), target.data() + target.size(), inode);
  return inode;
}

FileDescriptor open_output_pipe(pid_t pid, std::uint64_t inode) {
  const auto wanted = "pipe:[" + std::to_string(inode) + "]";
  std::error_code failed;
  const std::filesystem::path folder = "/proc/" + std::to_string(pid) + "/fd";
  for (std::filesystem::directory_iterator entry(folder, failed), end; !failed && entry != end;
       entry.increment(failed)) {
    std::error_code ignored;
    if (std::filesystem::read_symlink(entry->path(), ignored) == wanted)
      return FileDescriptor(::open(entry->path().c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  }
  return FileDescriptor();
}

}  // namespace nextgen_kernels
