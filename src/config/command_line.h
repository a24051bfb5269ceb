#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/configuration.h"
#include "config/configuration_files.h"

namespace nextgen_kernels {

/// An option that one subcommand takes beside those that all take: `--kernel=NAME`.
struct CommandOption {
  std::string name;             ///< Without the dashes.
  std::string value_name = {};  ///< How help calls its value; empty for an option without a value.
  std::string help;
  char letter = '\0';  ///< The one-letter form, if there is one: `-k`.
};

/// What the command line of one subcommand looks like.
struct CommandSyntax {
  std::string program;  ///< As people call it: "nextgen-kernels serve".
  std::string summary;
  std::vector<CommandOption> options = {};
  std::string arguments_name =
      {};  ///< How help calls what stands beside the options; empty when nothing may.
};

/// What the program is asked to do.
enum class CommandAction { run, show_help, show_all_help, generate_configuration, show_configuration };

/// A value for a trait, from the command line.
struct TraitAssignment {
  const TraitDefinition* definition;
  TraitValue value;
};

/// A command line, understood and checked.
struct CommandLine {
  CommandAction action = CommandAction::run;
  ExistingFile existing_file = ExistingFile::refuse;  ///< For `generate_configuration`.
  std::vector<std::filesystem::path> configuration_files =
      {};  ///< `--config`; empty: those in Jupyter's directories.
  std::vector<std::filesystem::path> environment_prefixes =
      {};                                         ///< `--env-prefix`; for `find_jupyter_paths`.
  std::vector<TraitAssignment> assignments = {};  ///< At most one for each trait.
  std::map<std::string, std::vector<std::string>> options =
      {};                                   ///< The subcommand's own options that were given.
  std::vector<std::string> arguments = {};  ///< What stands beside the options.
  std::vector<std::string> warnings = {};   ///< To be logged once logging is set up.

  /// True when the subcommand's own option was given.
  bool has(const std::string& option) const { return options.contains(option); }

  /// The last value given to a subcommand's own option.
  std::optional<std::string> value_of(const std::string& option) const;
};

/// The options every subcommand takes beside traits, their aliases and flags.
const std::vector<CommandOption>& common_options();

/// Reads the arguments after the subcommand: `--Class.trait=value`, `--Class.trait value`,
/// `--Class.dictionary.key=value`, aliases, flags, the common options and the subcommand's own. Lists and
/// dictionaries grow with each repetition, of other traits the last value counts. An unknown option is an
/// error with a suggestion; no error repeats a value of an unknown option, which could be a secret.
Result<CommandLine> parse_command_line(const std::vector<std::string>& arguments, const TraitTable& table,
                                       const CommandSyntax& syntax);

}  // namespace nextgen_kernels
