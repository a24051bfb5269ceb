#include "config/load_configuration.h"

#include <iterator>
#include <ranges>
#include <utility>

#include <fmt/ranges.h>

namespace nextgen_kernels {
namespace {

namespace fs = std::filesystem;

/// Configuration files in Python are Jupyter's custom; a person who has one must learn why it does nothing.
void warn_of_python_files(const JupyterPaths& paths, std::vector<std::string>& warnings) {
  for (const auto& directory : paths.config_path) {
    const auto file = directory / (std::string(configuration_name) + ".py");
    std::error_code error;
    if (fs::exists(file, error))
      warnings.push_back(
          fmt::format("{} is ignored: configuration is read from {}.json, not from Python files",
                      file.native(), configuration_name));
  }
}

/// What is in the files of Jupyter Server and meant for every server that has this class.
Result<void> apply_jupyter_server_files(LoadedConfiguration& loaded, const JupyterPaths& paths) {
  for (const auto& file : find_jupyter_server_files(paths, ".py"))
    if (const auto names = settings_in_python_file(file); !names.empty())
      loaded.warnings.push_back(fmt::format(
          "{} sets {} in Python, which this program does not run: say it in {} beside it, as {{\"{}\": "
          "{{\"trait\": value}}}}; both programs read that",
          file.native(), fmt::join(names, ", "), file.filename().replace_extension(".json").native(),
          shared_configuration_class));
  for (auto& file : find_jupyter_server_files(paths, ".json")) {
    auto applied = apply_jupyter_server_file(loaded.configuration, file);
    if (!applied) return std::unexpected(applied.error());
    std::ranges::move(applied->warnings, std::back_inserter(loaded.warnings));
    if (applied->has_settings) loaded.files.push_back(std::move(file));
  }
  return {};
}

}  // namespace

Result<LoadedConfiguration> load_configuration(const CommandLine& command_line, const TraitTable& table,
                                               const Environment& environment, const JupyterPaths& paths) {
  LoadedConfiguration loaded{
      .configuration = Configuration(table), .files = {}, .warnings = command_line.warnings};
  auto files = command_line.configuration_files;
  if (files.empty()) {
    warn_of_python_files(paths, loaded.warnings);
    if (auto applied = apply_jupyter_server_files(loaded, paths); !applied)
      return std::unexpected(applied.error());
    files = find_configuration_files(paths);
  }
  for (auto& file : files) {
    auto warnings = apply_configuration_file(loaded.configuration, file);
    if (!warnings) return std::unexpected(warnings.error());
    std::ranges::move(*warnings, std::back_inserter(loaded.warnings));
    loaded.files.push_back(std::move(file));
  }
  if (auto applied = apply_environment(loaded.configuration, environment); !applied)
    return std::unexpected(applied.error());
  for (const auto& assignment : command_line.assignments)
    loaded.configuration.assign(*assignment.definition, assignment.value,
                                {.kind = ValueSource::Kind::command_line});
  return loaded;
}

std::string show_configuration(const LoadedConfiguration& loaded, const JupyterPaths& paths) {
  auto text = show_configuration(loaded.configuration);
  text += "\nConfiguration files read, most important first:\n";
  for (const auto& file : loaded.files | std::views::reverse) text += fmt::format("  {}\n", file.native());
  if (loaded.files.empty()) text += "  none\n";
  text += fmt::format("\nDirectories searched for {}.json and {}.d/*.json:\n", configuration_name,
                      configuration_name);
  for (const auto& directory : paths.config_path) text += fmt::format("  {}\n", directory.native());
  if (paths.config_path.empty()) text += "  none (JUPYTER_NO_CONFIG is set)\n";
  return text;
}

}  // namespace nextgen_kernels
