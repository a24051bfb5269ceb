#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kernelspecs/kernel_spec.h"

namespace nextgen_kernels {

/// What the placeholders in a spec's argv stand for, besides `{resource_dir}`, which the spec knows itself.
struct LaunchValues {
  std::filesystem::path connection_file{};  ///< `{connection_file}`; symbolic links are resolved.
  std::filesystem::path
      default_prefix{};  ///< `{prefix}` of a spec that lies in no environment; may be empty.
  std::map<std::string, std::string> named{};  ///< More placeholders by name; they win over the ones above.
  std::vector<std::string> extra_arguments{};  ///< Appended to argv, subject to the same substitutions.
};

/// `<prefix>` when the spec lies in `<prefix>/share/jupyter/kernels`: the Python environment it was installed
/// into.
std::optional<std::filesystem::path> environment_prefix(const std::filesystem::path& resource_dir);

/// The command that starts a kernel, for an environment as `kernel_environment` makes it (HOME and PATH are
/// used).
/// `{name}` becomes its value and stays when the name is unknown; a leading `~/` becomes the home directory.
/// A program called `python`, `python3` or `python3.N` is the interpreter of the spec's own environment, else
/// the one on PATH.
std::vector<std::string> format_kernel_command(const KernelSpec& spec, const LaunchValues& values,
                                               const std::map<std::string, std::string>& environment);

/// The environment of a kernel: `base` and the spec's own variables, in which `$NAME` and `${NAME}` stand for
/// values of `base` (`$$` is a dollar, unknown names stay: Python's `string.Template.safe_substitute`).
/// PYTHONEXECUTABLE is removed for Python kernels, it would make them run as another interpreter.
std::map<std::string, std::string> kernel_environment(const KernelSpec& spec,
                                                      std::map<std::string, std::string> base);

}  // namespace nextgen_kernels
