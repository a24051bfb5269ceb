#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include <fmt/format.h>

#include "app/command.h"
#include "app/plugin_template.h"

namespace nextgen_kernels {
namespace {

namespace fs = std::filesystem;

const CommandSyntax& syntax() {
  static const CommandSyntax instance{
      .program = "nextgen-kernels plugin new",
      .summary = "Writes the package of a plugin in C++, with a provisioner, into a new folder NAME.",
      .options = {{.name = "client", .help = "Also a kernel client for the provisioner."},
                  {.name = "listener", .help = "Also a listener to its kernels."}},
      .arguments_name = "NAME"};
  return instance;
}

constexpr const char* usage = "Usage: nextgen-kernels plugin new NAME [--client] [--listener]";

Result<void> write_file(const fs::path& file, const std::string& text) {
  std::error_code failed;
  fs::create_directories(file.parent_path(), failed);
  if (failed) return make_errno_error("create", file.parent_path().native(), failed.value());
  std::ofstream stream(file, std::ios::binary);
  if (!(stream << text).flush()) return make_errno_error("write", file.native(), errno);
  return {};
}

Result<void> write_package(const fs::path& folder, const std::vector<TemplateFile>& files) {
  std::error_code failed;
  if (!fs::create_directory(folder, failed)) {
    if (failed) return make_errno_error("create", folder.native(), failed.value());
    return make_error(ErrorCode::already_exists, "{} exists already: choose another name, or move it away",
                      folder.native());
  }
  for (const auto& file : files)
    if (auto written = write_file(folder / file.path, file.text); !written) return written;
  return {};
}

}  // namespace

ExitCode run_plugin(const CommandInvocation& invocation) {
  auto rest = invocation;
  if (rest.arguments.empty() || rest.arguments.front() != "new") {
    const bool help =
        !rest.arguments.empty() && (rest.arguments.front() == "--help" || rest.arguments.front() == "-h");
    if (!help) return report_failure({ErrorCode::invalid_argument, usage});
  } else {
    rest.arguments.erase(rest.arguments.begin());
  }
  const auto prepared = prepare_command(rest, syntax());
  if (!prepared) return prepared.error();
  const auto& line = prepared->line;
  if (line.arguments.size() != 1)
    return report_failure({ErrorCode::invalid_argument, fmt::format("Give one NAME. {}", usage)});
  const auto& name = line.arguments.front();
  std::vector<PluginPart> parts;
  if (line.has("client")) parts.push_back(PluginPart::client);
  if (line.has("listener")) parts.push_back(PluginPart::listener);
  const auto files = new_plugin_package(name, parts);
  if (!files) return report_failure(files.error());
  if (const auto written = write_package(name, *files); !written) return report_failure(written.error());
  for (const auto& file : *files) fmt::print("{}\n", (fs::path(name) / file.path).native());
  fmt::print(
      "\nTo build, test and install it:\n\n"
      "  cd {}\n"
      "  cmake -B build -DCMAKE_INSTALL_PREFIX=$HOME/.local\n"
      "  cmake --build build\n"
      "  ctest --test-dir build --output-on-failure\n"
      "  cmake --install build\n",
      name);
  return ExitCode::success;
}

}  // namespace nextgen_kernels
