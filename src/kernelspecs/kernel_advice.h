#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernelspecs/kernel_spec_manager.h"

namespace nextgen_kernels {

/// Why no kernel can be started on this machine, and what to type to change that.
struct KernelAdvice {
  std::string reason;                 ///< A sentence without its full stop.
  std::vector<std::string> commands;  ///< For a POSIX shell, in order; empty where installing would not help.

  /// For messages: everything in one line, which can be copied into a shell from the colon on.
  std::string to_line() const;

  /// For a terminal: the commands on lines of their own, with a final newline.
  std::string to_text() const;
};

/// Nothing when one of the kernel specs can be used.
std::optional<KernelAdvice> advise_without_kernels(const std::vector<KernelSpecEntry>& entries,
                                                   const std::vector<std::filesystem::path>& python_prefixes);

/// The same of the kernel specs of a machine. Blocks as `KernelSpecManager::list` does.
std::optional<KernelAdvice> advise_without_kernels(KernelSpecManager& specs);

/// The kernel spec that a client gets that names none: the configured one while it can be used, else
/// `python3`, else the first of Python, else the first. The configured one also when none can be used.
std::string choose_default_kernel(const std::vector<KernelSpecEntry>& entries, std::string_view configured);

}  // namespace nextgen_kernels
