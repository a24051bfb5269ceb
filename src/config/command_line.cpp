#include "config/command_line.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace nextgen_kernels {
namespace {

/// An option as typed: `--name=value` or `--name`.
struct TypedOption {
  std::string dashed;  ///< With its dashes, for messages.
  std::string name;
  std::optional<std::string> value;
};

TypedOption read_long_option(std::string_view argument) {
  const auto equals = argument.find('=');
  TypedOption option{.dashed = std::string(argument.substr(0, equals)), .name = "", .value = std::nullopt};
  option.name = option.dashed.substr(2);
  if (equals != std::string_view::npos) option.value = std::string(argument.substr(equals + 1));
  return option;
}

/// Adds a value to what was given before for the same trait.
void join_value(TraitValue& present, TraitValue added) {
  if (auto* list = std::get_if<TextList>(&present)) {
    std::ranges::move(std::get<TextList>(added), std::back_inserter(*list));
  } else if (auto* objects = std::get_if<ObjectList>(&present)) {
    std::ranges::move(std::get<ObjectList>(added).objects, std::back_inserter(objects->objects));
  } else if (auto* dictionary = std::get_if<Dictionary>(&present)) {
    for (auto& [key, value] : std::get<Dictionary>(added)) (*dictionary)[key] = std::move(value);
  } else {
    present = std::move(added);
  }
}

/// Walks over the arguments once.
class Parser {
 public:
  Parser(const std::vector<std::string>& arguments, const TraitTable& table, const CommandSyntax& syntax)
      : arguments_(arguments), table_(table), syntax_(syntax) {}

  Result<CommandLine> parse() {
    if (const auto help = requested_help()) return CommandLine{.action = *help};
    while (next_ < arguments_.size()) {
      if (auto read = read_argument(arguments_[next_++]); !read) return std::unexpected(read.error());
    }
    return std::move(result_);
  }

 private:
  /// Help is given whatever else is on the command line, right or wrong.
  std::optional<CommandAction> requested_help() const {
    for (const auto& argument : arguments_) {
      if (argument == "--") break;
      if (argument == "--help-all") return CommandAction::show_all_help;
      if (argument == "--help" || argument == "-h") return CommandAction::show_help;
    }
    return std::nullopt;
  }

  Result<void> read_argument(const std::string& argument) {
    if (options_ended_ || argument == "-" || !argument.starts_with('-')) return add_argument(argument);
    if (argument == "--") {
      options_ended_ = true;
      return {};
    }
    if (argument.starts_with("--")) return read_option(read_long_option(argument));
    return read_letter(argument);
  }

  Result<void> add_argument(const std::string& argument) {
    if (!syntax_.arguments_name.empty()) {
      result_.arguments.push_back(argument);
      return {};
    }
    const auto name = argument.substr(0, argument.find('='));
    if (name.size() < argument.size())
      return make_error(ErrorCode::invalid_argument,
                        "Unexpected argument {}=...: options begin with two dashes, --{}=...", name, name);
    return make_error(ErrorCode::invalid_argument, "Unexpected argument {}. {} --help lists the options",
                      argument, syntax_.program);
  }

  Result<void> read_letter(const std::string& argument) {
    for (const auto* options : {&common_options(), &syntax_.options})
      for (const auto& option : *options)
        if (option.letter != '\0' && argument[1] == option.letter) {
          TypedOption typed{.dashed = argument.substr(0, 2), .name = option.name, .value = std::nullopt};
          if (argument.size() > 2) typed.value = argument.substr(2);
          return read_option(typed);
        }
    return make_error(ErrorCode::invalid_argument, "Unknown option {}. {} --help lists the options",
                      argument.substr(0, 2), syntax_.program);
  }

  Result<void> read_option(const TypedOption& typed) {
    const auto named = [&typed](const CommandOption& option) { return option.name == typed.name; };
    if (const auto option = std::ranges::find_if(common_options(), named); option != common_options().end())
      return read_common_option(*option, typed);
    if (const auto option = std::ranges::find_if(syntax_.options, named); option != syntax_.options.end())
      return read_own_option(*option, typed);
    if (const auto* flag = table_.find_flag(typed.name)) return read_flag(*flag, typed);
    if (const auto* definition = table_.find_alias(typed.name))
      return read_trait({.definition = definition}, typed);
    if (auto trait = table_.resolve(typed.name)) return read_trait(*trait, typed);
    if (const auto* definition = table_.find_without_effect(typed.name))
      return skip_without_effect(*definition, typed);
    return unknown_option(typed);
  }

  Result<void> skip_without_effect(const TraitDefinition& definition, const TypedOption& typed) {
    if (definition.type != TraitType::boolean || typed.value || next_is_boolean(definition)) {
      if (const auto value = required_value(typed, "VALUE"); !value) return std::unexpected(value.error());
    }
    result_.warnings.push_back(explain_without_effect(definition, typed.dashed));
    return {};
  }

  Result<void> read_common_option(const CommandOption& option, const TypedOption& typed) {
    const auto value = value_for(option, typed);
    if (!value) return std::unexpected(value.error());
    if (option.name == "config") result_.configuration_files.emplace_back(*value);
    if (option.name == "env-prefix") result_.environment_prefixes.emplace_back(*value);
    if (option.name == "overwrite") result_.existing_file = ExistingFile::overwrite;
    if (option.name == "generate-config") result_.action = CommandAction::generate_configuration;
    if (option.name == "show-config") result_.action = CommandAction::show_configuration;
    return {};
  }

  Result<void> read_own_option(const CommandOption& option, const TypedOption& typed) {
    auto value = value_for(option, typed);
    if (!value) return std::unexpected(value.error());
    result_.options[option.name].push_back(*std::move(value));
    return {};
  }

  /// The value of an option that takes one; an empty text for one that does not.
  Result<std::string> value_for(const CommandOption& option, const TypedOption& typed) {
    if (!option.value_name.empty()) return required_value(typed, option.value_name);
    if (auto checked = refuse_value(typed); !checked) return std::unexpected(checked.error());
    return "";
  }

  Result<void> refuse_value(const TypedOption& typed) const {
    if (!typed.value) return {};
    return make_error(ErrorCode::invalid_argument, "{} takes no value", typed.dashed);
  }

  Result<void> read_flag(const TraitFlag& flag, const TypedOption& typed) {
    if (auto checked = refuse_value(typed); !checked) return checked;
    if (flag.trait.empty()) return {};
    return assign(table_.resolve(flag.trait).value(), flag.value, typed.dashed);
  }

  Result<void> read_trait(const ResolvedTrait& trait, const TypedOption& typed) {
    const auto& definition = *trait.definition;
    if (trait.name_is_deprecated)
      result_.warnings.push_back(
          fmt::format("{} is deprecated: use --{}", typed.dashed, definition.full_name()));
    if (definition.type == TraitType::boolean && !typed.value && !next_is_boolean(definition))
      return assign(trait, "true", typed.dashed);
    const auto value = required_value(typed, trait.key.empty() ? example_text(definition) : "VALUE");
    if (!value) return std::unexpected(value.error());
    return assign(trait, *value, typed.dashed);
  }

  bool next_is_boolean(const TraitDefinition& definition) const {
    return next_ < arguments_.size() && parse_trait_text(definition, arguments_[next_], "").has_value();
  }

  /// The value after `=`, else the next argument.
  Result<std::string> required_value(const TypedOption& typed, std::string_view example) {
    if (typed.value) return *typed.value;
    if (next_ < arguments_.size() && !arguments_[next_].starts_with("--")) return arguments_[next_++];
    return make_error(ErrorCode::invalid_argument, "{} needs a value: {}={}", typed.dashed, typed.dashed,
                      example);
  }

  Result<void> assign(const ResolvedTrait& trait, const std::string& text, const std::string& subject) {
    const auto& definition = *trait.definition;
    auto value = trait.key.empty() ? parse_trait_text(definition, text, subject)
                                   : Result<TraitValue>(Dictionary{{trait.key, text}});
    if (!value) return std::unexpected(value.error());
    const auto present = std::ranges::find(result_.assignments, &definition, &TraitAssignment::definition);
    if (present == result_.assignments.end())
      result_.assignments.push_back({&definition, *std::move(value)});
    else
      join_value(present->value, *std::move(value));
    return {};
  }

  Result<void> unknown_option(const TypedOption& typed) const {
    std::vector<std::string> other_names;
    for (const auto* options : {&common_options(), &syntax_.options})
      for (const auto& option : *options) other_names.push_back(option.name);
    for (const auto& alias : table_.aliases()) other_names.push_back(alias.name);
    for (const auto& flag : table_.flags()) other_names.push_back(flag.name);
    const auto suggestion = table_.suggest(typed.name, std::move(other_names));
    return make_error(ErrorCode::invalid_argument, "Unknown option {}.{} {} --help-all lists all options",
                      typed.dashed, suggestion ? fmt::format(" Did you mean --{}?", *suggestion) : "",
                      syntax_.program);
  }

  const std::vector<std::string>& arguments_;
  const TraitTable& table_;
  const CommandSyntax& syntax_;
  std::size_t next_ = 0;
  bool options_ended_ = false;
  CommandLine result_;
};

}  // namespace

std::optional<std::string> CommandLine::value_of(const std::string& option) const {
  const auto found = options.find(option);
  if (found == options.end()) return std::nullopt;
  return found->second.back();
}

const std::vector<CommandOption>& common_options() {
  static const std::vector<CommandOption> options = {
      {.name = "help", .help = "Show this help.", .letter = 'h'},
      {.name = "help-all", .help = "Show this help with every trait, its default and what it does."},
      {.name = "config",
       .value_name = "FILE",
       .help =
           "Read this JSON file instead of those in Jupyter's configuration directories; can be repeated."},
      {.name = "show-config", .help = "Show every trait's value and where it comes from, then exit."},
      {.name = "generate-config", .help = "Write a configuration file with all defaults, then exit."},
      {.name = "overwrite", .help = "With --generate-config: replace a file that is there.", .letter = 'y'},
      {.name = "env-prefix",
       .value_name = "DIRECTORY",
       .help = "Look for kernel specs and configuration in this Python environment (its sys.prefix) instead "
               "of the "
               "active one; can be repeated."},
  };
  return options;
}

Result<CommandLine> parse_command_line(const std::vector<std::string>& arguments, const TraitTable& table,
                                       const CommandSyntax& syntax) {
  return Parser(arguments, table, syntax).parse();
}

}  // namespace nextgen_kernels
