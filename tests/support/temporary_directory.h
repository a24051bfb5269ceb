#pragma once

#include <filesystem>
#include <fstream>
#include <string_view>

#include "base/random.h"

namespace nextgen_kernels {

/// A directory of one test, removed with it.
class TemporaryDirectory {
 public:
  TemporaryDirectory()
      : path_(std::filesystem::canonical(std::filesystem::temp_directory_path()) /
              ("nk-test-" + random_hex(8))) {
    std::filesystem::create_directories(path_);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::filesystem::path& path() const { return path_; }

  /// Writes a file, with the directories above it.
  std::filesystem::path write(const std::filesystem::path& name, std::string_view text) const {
    const auto file = path_ / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text;
    return file;
  }

  std::filesystem::path write_program(const std::filesystem::path& name, std::string_view text) const {
    const auto file = write(name, text);
    std::filesystem::permissions(file, std::filesystem::perms::owner_all);
    return file;
  }

 private:
  std::filesystem::path path_;
};

}  // namespace nextgen_kernels
