#include "provisioners/local/connection_file.h"

#include <cerrno>
#include <cstdio>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <unistd.h>

#include "base/jupyter_paths.h"
#include "base/small_file.h"

namespace nextgen_kernels {
namespace {

int write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto count = ::write(fd, text.data(), text.size());
    if (count < 0 && errno != EINTR) return errno;
    if (count > 0) text.remove_prefix(static_cast<std::size_t>(count));
  }
  return 0;
}

constexpr std::size_t largest_file = 64 * 1024;

/// True for a file of ours, private and with this text.
bool has_text(const std::filesystem::path& path, const std::string& text) {
  const auto file = read_small_file(path.c_str(), largest_file);
  constexpr mode_t others = 0077;
  return file && file->text == text && file->status.st_uid == ::geteuid() &&
         (file->status.st_mode & others) == 0 && !std::filesystem::is_symlink(path);
}

int create(const std::filesystem::path& path) {
  ::unlink(path.c_str());
  return ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

/// Writes a new file beside the connection file, private to the user.
Result<std::filesystem::path> write_beside(const std::filesystem::path& path, std::string_view text) {
  std::filesystem::path temporary = path.string() + ".new";
  int fd = create(temporary);
  if (fd < 0 && errno == ENOENT) {
    if (auto created = create_runtime_directory(path.parent_path()); !created)
      return std::unexpected(created.error());
    fd = create(temporary);
  }
  if (fd < 0) return make_errno_error("Cannot create connection file", temporary.string(), errno);
  int failure = write_all(fd, text);
  if (::close(fd) != 0 && failure == 0) failure = errno;
  if (failure == 0) return temporary;
  ::unlink(temporary.c_str());
  return make_errno_error("Cannot write connection file", path.string(), failure);
}

}  // namespace

Result<void> write_connection_file(const std::filesystem::path& path, const ConnectionInfo& info) {
  const auto text = info.dump(2) + "\n";
  if (has_text(path, text)) return {};
  const auto temporary = write_beside(path, text);
  if (!temporary) return std::unexpected(temporary.error());
  if (std::rename(temporary->c_str(), path.c_str()) == 0) return {};
  const int failure = errno;
  ::unlink(temporary->c_str());
  return make_errno_error("Cannot write connection file", path.string(), failure);
}

Result<void> try_connection_file(const std::filesystem::path& path) {
  constexpr std::size_t usual_size = 1024;
  const auto temporary = write_beside(path, std::string(usual_size, ' '));
  if (!temporary) return std::unexpected(temporary.error());
  ::unlink(temporary->c_str());
  return {};
}

}  // namespace nextgen_kernels
