#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "app/application.h"
#include "config/command_line.h"

namespace nextgen_kernels {

/// Exit statuses of the program.
enum class ExitCode : int {
  success = 0,
  code_raised = 1,     ///< `execute`: the code raised an exception.
  problems_found = 1,  ///< `registry doctor`.
  failure = 2,         ///< Bad usage or configuration, or the command could not do its work.
};

/// A subcommand's start-up: arguments after its name, this process's environment, and where this program is.
struct CommandInvocation {
  std::vector<std::string> arguments;
  Environment environment;
  std::filesystem::path program = {};
};

/// Prints "nextgen-kernels: what is wrong" to standard error.
ExitCode report_failure(const Error& error);

/// The command line, configuration files and environment of one run, put together.
struct PreparedCommand {
  CommandLine line;
  JupyterPaths paths;
  ServerOptions options;
};

/// Reads the command line and the configuration and sets the log level. When the command line asks for help
/// or the like, that is done, and the exit code to end with is given instead.
std::expected<PreparedCommand, ExitCode> prepare_command(const CommandInvocation& invocation,
                                                         const CommandSyntax& syntax);

/// The subcommands.
ExitCode run_serve(const CommandInvocation& invocation);
ExitCode run_execute(const CommandInvocation& invocation);
ExitCode run_kernelspec(const CommandInvocation& invocation);
ExitCode run_password(const CommandInvocation& invocation);
ExitCode run_plugin(const CommandInvocation& invocation);
ExitCode run_registry(const CommandInvocation& invocation);
/// Not for people: see LibraryTrial.
ExitCode run_try_plugin_library(const CommandInvocation& invocation);

}  // namespace nextgen_kernels
