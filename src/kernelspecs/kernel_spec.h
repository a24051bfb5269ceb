#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace nextgen_kernels {

/// How a kernel is asked to stop what it runs: SIGINT to its process group, or `interrupt_request` on
/// control.
enum class InterruptMode { signal, message };

/// `signal` or `message`, as in kernel.json.
std::string_view to_string(InterruptMode mode);

/// The provisioner that a spec asks for in `metadata.kernel_provisioner`.
struct ProvisionerReference {
  std::string name;  ///< Empty: whatever provisioner is the default.
  nlohmann::json config = nlohmann::json::object();
};

/// One installed kernel: what kernel.json and the files beside it say. A value; it does not follow later
/// changes of the files.
struct KernelSpec {
  std::string name;  ///< Lower-case name of the directory; what clients start the kernel by.
  std::filesystem::path resource_dir;
  std::vector<std::string>
      argv;  ///< The command as written, before substitution. Empty only when `provisioner` is named.
  std::map<std::string, std::string> env;
  std::string display_name;
  std::string language;
  InterruptMode interrupt_mode = InterruptMode::signal;
  nlohmann::ordered_json metadata = nlohmann::ordered_json::object();
  std::string kernel_protocol_version;  ///< Empty when the spec does not say.
  ProvisionerReference provisioner;
  /// Files that clients show or load, by resource key (`kernel.js`, `logo-64x64`): file names in
  /// `resource_dir`.
  std::map<std::string, std::string> resources;

  /// The `spec` object of Jupyter's REST API and of `jupyter kernelspec list --json`.
  nlohmann::ordered_json to_json() const;
};

/// Reads the text of a kernel.json. Unknown fields are tolerated, wrong types are not; a message of a failure
/// starts with the file and, for broken syntax, line and column. Values of `env` never appear in it.
Result<KernelSpec> parse_kernel_spec(std::string_view name, const std::filesystem::path& resource_dir,
                                     std::string_view kernel_json);

/// Reads `<resource_dir>/kernel.json` (of at most 1 MiB) and looks for the resources beside it.
Result<KernelSpec> load_kernel_spec(std::string_view name, const std::filesystem::path& resource_dir);

}  // namespace nextgen_kernels
