#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "config/command_line.h"

namespace nextgen_kernels {

/// The configuration as it holds for one run.
struct LoadedConfiguration {
  Configuration configuration;
  std::vector<std::filesystem::path> files;  ///< Those that were read, most important last.
  std::vector<std::string> warnings;         ///< To be logged once logging is set up.
};

/// Puts together what the command line, the environment, the configuration files and the defaults say, in
/// this order of precedence. With `--config`, the named files are read and no others.
Result<LoadedConfiguration> load_configuration(const CommandLine& command_line, const TraitTable& table,
                                               const Environment& environment, const JupyterPaths& paths);

/// What `--show-config` prints: every trait's value and source, the files read, and where files are looked
/// for.
std::string show_configuration(const LoadedConfiguration& loaded, const JupyterPaths& paths);

}  // namespace nextgen_kernels
