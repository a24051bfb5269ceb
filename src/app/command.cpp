#include "app/command.h"

#include <cstdio>

#include <fmt/format.h>

#include "base/log.h"
#include "config/configuration_files.h"
#include "config/help.h"
#include "config/load_configuration.h"
#include "config/server_traits.h"

namespace nextgen_kernels {
namespace {

ExitCode print(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  return ExitCode::success;
}

}  // namespace

ExitCode report_failure(const Error& error) {
  fmt::print(stderr, "nextgen-kernels: {}\n", error.message);
  return ExitCode::failure;
}

std::expected<PreparedCommand, ExitCode> prepare_command(const CommandInvocation& invocation,
                                                         const CommandSyntax& syntax) {
  const auto& table = server_trait_table();
  auto line = parse_command_line(invocation.arguments, table, syntax);
  if (!line) {
    fmt::print(stderr, "nextgen-kernels: {}\nSee {} --help.\n", line.error().message, syntax.program);
    return std::unexpected(ExitCode::failure);
  }
  const auto width = terminal_width(invocation.environment);
  if (line->action == CommandAction::show_help)
    return std::unexpected(print(help_text(table, syntax, width)));
  if (line->action == CommandAction::show_all_help)
    return std::unexpected(print(all_help_text(table, syntax, width)));

  auto paths = find_jupyter_paths(invocation.environment, line->environment_prefixes);
  if (line->action == CommandAction::generate_configuration) {
    const auto written = write_default_configuration(table, paths, line->existing_file);
    if (!written) return std::unexpected(report_failure(written.error()));
    return std::unexpected(print(fmt::format("Wrote the default configuration to {}\n", written->string())));
  }
  const auto loaded = load_configuration(*line, table, invocation.environment, paths);
  if (!loaded) return std::unexpected(report_failure(loaded.error()));
  if (line->action == CommandAction::show_configuration)
    return std::unexpected(print(show_configuration(*loaded, paths)));

  auto options = make_server_options(loaded->configuration, invocation.environment);
  if (!options) return std::unexpected(report_failure(options.error()));
  set_log_level(options->log_level);
  for (const auto& warning : loaded->warnings) log_warning("{}", warning);
  for (const auto& warning : options->warnings) log_warning("{}", warning);
  return PreparedCommand{.line = std::move(*line), .paths = std::move(paths), .options = std::move(*options)};
}

}  // namespace nextgen_kernels
