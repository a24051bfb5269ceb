#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/jupyter_paths.h"
#include "config/configuration.h"

namespace nextgen_kernels {

/// Every configuration file is called so, plus `.json`; a folder called so, plus `.d`, holds files of
/// packages.
inline constexpr std::string_view configuration_name = "jupyter_nextgen_kernels_config";

/// The configuration files that exist, in the order in which they apply: a later one overrides an earlier
/// one. In each directory of the search path the files of `jupyter_nextgen_kernels_config.d` (by name) come
/// before `jupyter_nextgen_kernels_config.json`, and the directories of highest priority come last.
std::vector<std::filesystem::path> find_configuration_files(const JupyterPaths& paths);

/// Reads a JSON file `{"Class": {"trait": value}}` into the configuration. Null takes back what earlier files
/// said, for a trait or for one entry of a dictionary. Returns warnings: unknown classes and traits with the
/// nearest known one, deprecated names, secrets in a file that others can read. A file that cannot be read,
/// is not JSON, or gives a value of a wrong type is an error.
Result<std::vector<std::string>> apply_configuration_file(Configuration& configuration,
                                                          const std::filesystem::path& path);

/// The class whose settings are read from the configuration files of Jupyter Server, too.
inline constexpr std::string_view shared_configuration_class = "KernelClientRegistry";

/// The files in which Jupyter Server keeps its configuration, `jupyter_config` and `jupyter_server_config`
/// with this ending, that exist; in the order in which they apply.
std::vector<std::filesystem::path> find_jupyter_server_files(const JupyterPaths& paths,
                                                             std::string_view ending);

/// What came of a configuration file of Jupyter Server.
struct SharedConfiguration {
  bool has_settings = false;  ///< Of `shared_configuration_class`.
  std::vector<std::string> warnings = {};
};

/// Reads the settings of `shared_configuration_class` from a JSON file of Jupyter Server, as
/// `apply_configuration_file` does; what else is in there is another program's. A file that cannot be read,
/// or is not JSON, is a warning.
Result<SharedConfiguration> apply_jupyter_server_file(Configuration& configuration,
                                                      const std::filesystem::path& path);

/// The settings of `shared_configuration_class` that a Python file of Jupyter Server assigns, by their names;
/// nothing is run. Comments do not count.
std::vector<std::string> settings_in_python_file(const std::filesystem::path& path);

/// What to do when the file is already there.
enum class ExistingFile { refuse, overwrite };

/// Writes a file with every trait at its default, readable for the owner only, into the user's configuration
/// directory; returns its path.
Result<std::filesystem::path> write_default_configuration(const TraitTable& table, const JupyterPaths& paths,
                                                          ExistingFile existing);

}  // namespace nextgen_kernels
