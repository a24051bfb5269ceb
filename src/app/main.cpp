#include <array>
#include <cstdio>
#include <exception>
#include <string_view>

#include <fmt/format.h>

#include "app/command.h"
#include "base/strings.h"
#include "discovery/library_trial.h"
#include "runtime/process_signals.h"

namespace nk = nextgen_kernels;

namespace {

struct Subcommand {
  std::string_view name;
  std::string_view help;  ///< Empty: not for people, and not listed.
  nk::ExitCode (*run)(const nk::CommandInvocation&);
};

constexpr std::array<Subcommand, 7> subcommands = {{
    {"serve", "Serve kernels over the Jupyter REST and WebSocket API.", nk::run_serve},
    {"execute", "Run code on a kernel and print what it prints.", nk::run_execute},
    {"kernelspec", "List the kernel specs of this machine.", nk::run_kernelspec},
    {"password", "Hash a password, for IdentityProvider.hashed_password.", nk::run_password},
    {"plugin", "Write the package of a new plugin in C++.", nk::run_plugin},
    {"registry", "Show which kernel client serves which provisioner, and why.", nk::run_registry},
    {nk::LibraryTrial::command, "", nk::run_try_plugin_library},
}};

void print_usage(std::FILE* out) {
  fmt::print(out, "A kernel service for Jupyter.\n\nUsage: nextgen-kernels COMMAND [OPTION]…\n\n");
  for (const auto& subcommand : subcommands)
    if (!subcommand.help.empty()) fmt::print(out, "  {:<12}{}\n", subcommand.name, subcommand.help);
  fmt::print(out,
             "\nnextgen-kernels COMMAND --help tells the options of a command, --help-all every setting.\n");
}

int run(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.empty()) {
    print_usage(stderr);
    return static_cast<int>(nk::ExitCode::failure);
  }
  const auto& name = arguments.front();
  if (name == "--help" || name == "-h" || name == "help") {
    print_usage(stdout);
    return 0;
  }
  if (name == "--version") {
    fmt::print("nextgen-kernels {}\n", NEXTGEN_KERNELS_VERSION);
    return 0;
  }
  std::vector<std::string> names;
  for (const auto& subcommand : subcommands) {
    if (subcommand.name == name) {
      return static_cast<int>(subcommand.run({.arguments = {arguments.begin() + 1, arguments.end()},
                                              .environment = nk::process_environment(),
                                              .program = "/proc/self/exe"}));
    }
    if (!subcommand.help.empty()) names.emplace_back(subcommand.name);
  }
  const auto meant = nk::closest_match(name, names);
  fmt::print(stderr, "nextgen-kernels: there is no command '{}'{}\n\n", name,
             meant ? ". Did you mean " + *meant + "?" : "");
  print_usage(stderr);
  return static_cast<int>(nk::ExitCode::failure);
}

}  // namespace

int main(int argc, char** argv) {
  nk::reset_inherited_signals();
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "nextgen-kernels: {}\n", error.what());
    return static_cast<int>(nk::ExitCode::failure);
  }
}
