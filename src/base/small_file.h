#pragma once

#include <cstddef>
#include <expected>
#include <filesystem>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>

#include "base/error.h"

namespace nextgen_kernels {

/// What a file held when it was read.
struct SmallFile {
  std::string text;
  struct stat status{};
};

/// Reads a regular file of at most `limit` bytes, its path relative to an open directory. Never waits for a
/// writer, as a FIFO would. Errors are values of `errno`: EFBIG for a larger file, EINVAL for one that is not
/// regular.
std::expected<SmallFile, int> read_small_file(const char* path, std::size_t limit, int directory = AT_FDCWD);

/// The text of such a file; the error names it.
Result<std::string> read_small_text(const std::filesystem::path& file, std::size_t limit);

}  // namespace nextgen_kernels
