#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "base/error.h"
#include "kernelspecs/kernel_spec.h"

namespace nextgen_kernels {

/// The resources that the REST API announces: `kernel.js` and `kernel.css` under their names, each `logo-*`
/// file under its name without extension. Only files that `find_kernel_spec_resource` would serve.
std::map<std::string, std::string> list_kernel_spec_resources(const std::filesystem::path& resource_dir);

/// The file to serve for `/kernelspecs/<name>/<file>`; `file` is already percent-decoded and may lie in a
/// subdirectory. Whatever is not a regular file inside the spec's directory (also by way of `..` or of a
/// symbolic link) does not exist.
Result<std::filesystem::path> find_kernel_spec_resource(const KernelSpec& spec, std::string_view file);

}  // namespace nextgen_kernels
