#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "config/load_configuration.h"
#include "config/server_traits.h"

namespace nextgen_kernels {

/// Three configuration directories (user, environment, system) of the test's own, empty at first, and the
/// server's traits.
class ConfigurationFixture : public testing::Test {
 protected:
  ConfigurationFixture() {
    std::string name =
        (std::filesystem::temp_directory_path() / "nextgen_kernels_config_test.XXXXXX").native();
    root_ = std::filesystem::canonical(mkdtemp(name.data()));
    paths_.config_dir = root_ / "user";
    paths_.config_path = {root_ / "user", root_ / "environment", root_ / "system"};
  }
  ~ConfigurationFixture() override { std::filesystem::remove_all(root_); }

  /// Writes a file that only its owner can read; the path is relative to the test's directory.
  std::filesystem::path write(const std::filesystem::path& path, std::string_view content) const {
    std::filesystem::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << content;
    std::filesystem::permissions(root_ / path,
                                 std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    return root_ / path;
  }

  Result<CommandLine> parse(const std::vector<std::string>& arguments) const {
    return parse_command_line(arguments, server_trait_table(),
                              {.program = "nextgen-kernels serve", .summary = ""});
  }

  Result<LoadedConfiguration> load(const std::vector<std::string>& arguments = {}) const {
    const auto command_line = parse(arguments);
    if (!command_line) return std::unexpected(command_line.error());
    return load_configuration(*command_line, server_trait_table(), environment_, paths_);
  }

  /// The value of a trait as it is shown, or the error.
  static std::string shown(const Result<LoadedConfiguration>& loaded, std::string_view trait) {
    if (!loaded) return loaded.error().message;
    const auto& definition = *server_trait_table().resolve(trait).value().definition;
    return display_value(definition, loaded->configuration.value(definition));
  }

  /// The message of a failure; an empty text when there was none.
  template <typename T>
  static std::string message(const Result<T>& result) {
    return result ? "" : result.error().message;
  }

  std::filesystem::path root_;
  JupyterPaths paths_;
  Environment environment_;
};

}  // namespace nextgen_kernels
