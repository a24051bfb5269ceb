#include <cstdio>

#include <fmt/format.h>

#include "app/command.h"
#include "kernelspecs/kernel_advice.h"
#include "kernelspecs/kernel_spec_list.h"

namespace nextgen_kernels {
namespace {

const CommandSyntax& syntax() {
  static const CommandSyntax instance{
      .program = "nextgen-kernels kernelspec list",
      .summary = "Lists the kernel specs of this machine.",
      .options = {{.name = "all", .help = "Also those that cannot be used, with the reason."},
                  {.name = "json", .help = "For programs, in the form of jupyter kernelspec list --json."}}};
  return instance;
}

}  // namespace

ExitCode run_kernelspec(const CommandInvocation& invocation) {
  auto rest = invocation;
  if (rest.arguments.empty() || rest.arguments.front() != "list") {
    const bool help = !rest.arguments.empty() && rest.arguments.front().starts_with("--help");
    if (!help)
      return report_failure(
          {ErrorCode::invalid_argument, "Usage: nextgen-kernels kernelspec list [--all] [--json]"});
  } else {
    rest.arguments.erase(rest.arguments.begin());
  }
  auto prepared = prepare_command(rest, syntax());
  if (!prepared) return prepared.error();
  const auto catalog =
      KernelCatalog::make(prepared->options, prepared->paths, invocation.environment, invocation.program);
  if (!catalog) return report_failure(catalog.error());
  auto& specs = (*catalog)->kernel_specs();
  const bool json = prepared->line.has("json");
  auto text = render_kernel_spec_list(
      specs.list(), prepared->line.has("all") ? KernelSpecListContent::all : KernelSpecListContent::usable,
      json ? KernelSpecListFormat::json : KernelSpecListFormat::table);
  if (const auto advice = advise_without_kernels(specs); advice && !json) text += "\n" + advice->to_text();
  std::fputs(text.c_str(), stdout);
  return ExitCode::success;
}

}  // namespace nextgen_kernels
