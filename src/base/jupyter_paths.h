#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"

namespace nextgen_kernels {

/// The environment variables of a process, by name.
using Environment = std::map<std::string, std::string>;

/// Where Jupyter keeps its files, as `jupyter --paths` would say. Nothing here is created or checked for
/// existence.
struct JupyterPaths {
  std::filesystem::path config_dir;   ///< This user's configuration; where `--generate-config` writes.
  std::filesystem::path data_dir;     ///< This user's data.
  std::filesystem::path runtime_dir;  ///< Connection files and server information of running processes.
  /// Directories searched for configuration, highest priority first; empty under JUPYTER_NO_CONFIG.
  std::vector<std::filesystem::path> config_path;
  /// Directories searched for data (kernel specs are in `kernels/` of each), highest priority first.
  std::vector<std::filesystem::path> data_path;
  /// The environment prefixes (`sys.prefix` of a Python) among whose directories the search goes.
  std::vector<std::filesystem::path> environment_prefixes;
  /// Where `pip install --user` puts packages for the first of these; empty when its Python does not look
  /// there.
  std::filesystem::path python_user_base;
};

/// Jupyter's directories for this environment: JUPYTER_PATH and JUPYTER_CONFIG_PATH first, then the user's
/// and the environments' (in this order, unless JUPYTER_PREFER_ENV_PATH says otherwise or an environment is
/// an own virtualenv or an own conda environment other than `base`), then the system's. The Python
/// environments are `prefixes` when there are any (`--env-prefix`), else VIRTUAL_ENV, else CONDA_PREFIX, else
/// where `python3` on PATH is installed.
JupyterPaths find_jupyter_paths(const Environment& environment,
                                std::vector<std::filesystem::path> prefixes = {});

/// The user's home directory: HOME, else what the user database says.
std::filesystem::path home_directory(const Environment& environment);

/// Creates the runtime directory with its parents, itself accessible to its owner only (0700). An existing
/// directory is left as it is; one that another user owns is refused (unless to root): connection files hold
/// kernel keys.
Result<void> create_runtime_directory(const std::filesystem::path& directory);

}  // namespace nextgen_kernels
