#include "discovery/file_permissions.h"

#include <fmt/format.h>
#include <unistd.h>

#include "base/shell.h"

namespace nextgen_kernels {
namespace {

std::optional<std::string_view> strangers_who_write(const struct stat& status) {
  if ((status.st_mode & S_IWOTH) != 0) return "everybody";
  const bool trusted_owner = status.st_uid == 0 || status.st_uid == ::geteuid();
  if ((status.st_mode & S_IWGRP) != 0 && !trusted_owner) return "a group of another user";
  return std::nullopt;
}

}  // namespace

std::optional<std::string> danger_of(std::string_view what, const std::filesystem::path& path,
                                     const struct stat& status) {
  const auto strangers = strangers_who_write(status);
  if (!strangers) return std::nullopt;
  return fmt::format("{} can be written by {}, who could run code here: chmod go-w {}", what, *strangers,
                     shell_quote(path.native()));
}

std::optional<std::string> danger_of_library(const std::filesystem::path& library, const struct stat& file,
                                             const struct stat& folder) {
  if (auto danger = danger_of(fmt::format("its library {}", library.native()), library, file)) return danger;
  if ((folder.st_mode & S_ISVTX) != 0) return std::nullopt;
  return danger_of(fmt::format("the folder of its library {}", library.native()), library.parent_path(),
                   folder);
}

}  // namespace nextgen_kernels
