#pragma once

#include <chrono>
#include <expected>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/file_stamp.h"
#include "kernelspecs/kernel_spec.h"

namespace nextgen_kernels {

/// The kernel that is there without a kernel.json when an interpreter can import ipykernel.
inline constexpr std::string_view native_kernel_name = "python3";

/// Finds ipykernel in Python environments and makes the `python3` spec of it, as ipykernel itself describes
/// it. Running an interpreter takes long, so an answer, also a negative one, holds until the interpreter or
/// its package directories change. Not thread safe.
class NativeKernel {
 public:
  /// Environments are tried in this order; `timeout` bounds each run of an interpreter.
  NativeKernel(std::vector<std::filesystem::path> prefixes, std::chrono::milliseconds timeout);

  /// Of the first environment that has ipykernel; the failure tells for each environment why not.
  Result<KernelSpec> find();

  /// What its answers depend on, as far as it has looked.
  std::vector<std::filesystem::path> watched_paths() const;

 private:
  struct WatchedPath {
    std::filesystem::path path;
    std::expected<FileStamp, int> stamp;
  };
  struct Candidate {
    std::filesystem::path prefix;
    std::vector<WatchedPath> watched;
    std::optional<Result<KernelSpec>> answer;
  };

  const Result<KernelSpec>& probe(Candidate& candidate) const;

  std::vector<Candidate> candidates_;
  std::chrono::milliseconds timeout_;
};

}  // namespace nextgen_kernels
