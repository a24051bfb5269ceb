#include <algorithm>
#include <array>
#include <cstdio>
#include <string_view>

#include <unistd.h>

#include "app/command.h"
#include "app/registry_model.h"
#include "app/registry_tables.h"
#include "base/log.h"
#include "config/help.h"

namespace nextgen_kernels {
namespace {

using Json = nlohmann::ordered_json;

/// One `registry` command: how it is called, what it tells, and how that looks.
struct RegistryCommand {
  std::string_view name;
  std::string_view summary;
  std::string_view member;  ///< What of the registry's model `--json` prints; empty: all.
  std::string (*render)(const Json& model, const TableStyle& style);
};

constexpr std::array<RegistryCommand, 5> commands = {{
    {"list", "Lists which kernel client serves which provisioner.", "", render_mappings},
    {"explain", "Tells which kernel client the kernels of a provisioner or a kernel spec get, and why.", "",
     render_explanation},
    {"doctor", "Lists what is wrong with packages, mappings and kernel specs. Ends with 1 when something is.",
     "", render_problems},
    {"provisioners", "Lists the provisioners by the names that kernel specs use.", "provisioners",
     render_provisioners},
    {"clients", "Lists the kernel client classes.", "clients", render_clients},
}};

CommandSyntax syntax_of(const RegistryCommand& command) {
  CommandSyntax syntax{.program = fmt::format("nextgen-kernels registry {}", command.name),
                       .summary = std::string(command.summary),
                       .options = {{.name = "json", .help = "For programs, as the REST API tells it."},
                                   {.name = "wide",
                                    .help = "One line for each thing, however long, with complete classes "
                                            "and sources."}}};
  if (command.name == "doctor")
    syntax.options.push_back(
        {.name = "load", .help = "Also load the libraries of plugins, which runs code of theirs."});
  if (command.name == "explain") {
    syntax.options.push_back(
        {.name = "kernel",
         .value_name = "NAME",
         .help = "For kernels of this kernel spec: mappings may be for some kernels only."});
    syntax.arguments_name = "PROVISIONER";
  }
  return syntax;
}

std::string usage() {
  std::string text = "Usage: nextgen-kernels registry COMMAND [OPTIONS]\n\n";
  for (const auto& command : commands) text += fmt::format("  {:<14}{}\n", command.name, command.summary);
  return text;
}

/// Colours are for people who look at a terminal and did not turn them off (https://no-color.org).
TableStyle style_for(const Environment& environment, const CommandLine& line) {
  const auto no_color = environment.find("NO_COLOR");
  const bool refused = no_color != environment.end() && !no_color->second.empty();
  TableStyle style{.coloring =
                       ::isatty(STDOUT_FILENO) == 1 && !refused ? Coloring::terminal : Coloring::plain};
  if (!line.has("wide")) style.width = terminal_width(environment);
  return style;
}

Result<Json> model_of(const RegistryCommand& command, const KernelCatalog& catalog, const CommandLine& line) {
  if (command.name == "doctor") return doctor_model(catalog);
  if (command.name == "explain")
    return explain_model(catalog, line.arguments.front(), line.value_of("kernel").value_or(""));
  return registry_model(catalog);
}

}  // namespace

ExitCode run_registry(const CommandInvocation& invocation) {
  auto rest = invocation;
  const auto name = rest.arguments.empty() ? std::string() : rest.arguments.front();
  if (name == "--help" || name == "-h") {
    std::fputs(usage().c_str(), stdout);
    return ExitCode::success;
  }
  const auto* const command = std::ranges::find(commands, name, &RegistryCommand::name);
  if (command == commands.end()) {
    std::fputs(usage().c_str(), stderr);
    return ExitCode::failure;
  }
  rest.arguments.erase(rest.arguments.begin());
  const auto prepared = prepare_command(rest, syntax_of(*command));
  if (!prepared) return prepared.error();
  if (command->name == "explain" && prepared->line.arguments.size() != 1)
    return report_failure({ErrorCode::invalid_argument,
                           "Give one PROVISIONER: a name that kernel specs use, a class as module:Class, or "
                           "the name of a kernel spec"});

  // What is wrong is what `doctor` prints; here it would only be in the way.
  if (!log_enabled(LogLevel::debug)) set_log_sinks({});
  const auto catalog =
      KernelCatalog::make(prepared->options, prepared->paths, invocation.environment, invocation.program);
  if (!catalog) return report_failure(catalog.error());
  if (prepared->line.has("load")) (*catalog)->load_plugins();
  const auto model = model_of(*command, **catalog, prepared->line);
  if (!model) return report_failure(model.error());
  if (prepared->line.has("json")) {
    const auto& printed = command->member.empty() ? *model : model->at(command->member);
    fmt::print("{}\n", printed.dump(2, ' ', false, Json::error_handler_t::replace));
  } else {
    std::fputs(command->render(*model, style_for(invocation.environment, prepared->line)).c_str(), stdout);
  }
  const bool ill = command->name == "doctor" && !model->at("problems").empty();
  return ill ? ExitCode::problems_found : ExitCode::success;
}

}  // namespace nextgen_kernels
