#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace nextgen_kernels {

/// What a package of a plugin may have beside its provisioner.
enum class PluginPart { client, listener };

/// A file of a package that is to be written, its path relative to the package's folder.
struct TemplateFile {
  std::filesystem::path path;
  std::string text;
};

/// The files of a new package: sources, a manifest, a kernel spec, a test, and what builds, installs and
/// tests it. Fails when `name` is not a name for one.
Result<std::vector<TemplateFile>> new_plugin_package(std::string_view name,
                                                     const std::vector<PluginPart>& parts);

}  // namespace nextgen_kernels
