#include "config/help.h"

#include <algorithm>
#include <charconv>
#include <iterator>

#include <sys/ioctl.h>
#include <unistd.h>

#include "base/strings.h"

namespace nextgen_kernels {
namespace {

constexpr std::size_t narrowest = 40;
constexpr std::size_t widest = 120;

/// The text in lines of at most `width` columns, each after `indent` spaces; a longer word stands on its own
/// line.
std::string wrap(std::string_view text, std::size_t indent, std::size_t width) {
  std::string result;
  std::string line;
  for (const auto word : split(text, ' ')) {
    if (!line.empty() && indent + line.size() + 1 + word.size() > width) {
      result += std::string(indent, ' ') + line + "\n";
      line.clear();
    }
    if (!line.empty()) line += ' ';
    line += word;
  }
  return result + std::string(indent, ' ') + line + "\n";
}

std::string entry(std::string_view left, std::string_view help, std::size_t width) {
  return fmt::format("  {}\n", left) + wrap(help, 6, width);
}

std::string value_name(const TraitDefinition& definition) {
  switch (definition.type) {
    case TraitType::boolean:
      return "true|false";
    case TraitType::integer:
      return "INTEGER";
    case TraitType::number:
      return "NUMBER";
    case TraitType::text:
      return "TEXT";
    case TraitType::text_list:
      return "TEXT ...";
    case TraitType::dictionary:
      return "NAME=VALUE ...";
    case TraitType::object_list:
      return "JSON ...";
    case TraitType::log_level:
      return "LEVEL";
    case TraitType::choice:
      return fmt::format("{}", fmt::join(definition.choices, "|"));
  }
  return "";
}

std::string option_entry(const CommandOption& option, std::size_t width) {
  std::string left;
  if (option.letter != '\0') left += fmt::format("-{}, ", option.letter);
  left += "--" + option.name;
  if (!option.value_name.empty()) left += "=" + option.value_name;
  return entry(left, option.help, width);
}

std::string option_section(const CommandSyntax& syntax, std::size_t width) {
  std::string text = "Options\n";
  for (const auto* options : {&syntax.options, &common_options()})
    for (const auto& option : *options) text += option_entry(option, width);
  return text;
}

std::string short_name_section(const TraitTable& table, std::size_t width) {
  std::string text;
  for (const auto& flag : table.flags()) text += entry("--" + flag.name, flag.help, width);
  for (const auto& alias : table.aliases()) {
    const auto* definition = table.find_alias(alias.name);
    text += entry(fmt::format("--{}={}", alias.name, value_name(*definition)),
                  fmt::format("Short for --{}. {}", alias.trait, definition->help), width);
  }
  return text;
}

std::string trait_entry(const TraitDefinition& definition, std::size_t width) {
  auto text = fmt::format("  --{}={}\n", definition.full_name(), value_name(definition));
  text += wrap("Default: " + display_value(definition, definition.default_value), 6, width);
  for (const auto& variable : {definition.environment_variable, definition.environment_file_variable})
    if (!variable.empty()) text += wrap("Environment: " + variable, 6, width);
  return text + wrap(definition.help, 6, width);
}

std::string class_section(const TraitTable& table, const std::string& class_name, std::size_t width) {
  auto text = fmt::format("\n{}\n", class_name);
  for (const auto& definition : table.traits())
    if (definition.class_name == class_name) text += trait_entry(definition, width);
  return text;
}

std::string without_effect_section(const TraitTable& table, std::size_t width) {
  std::string text = "\nAccepted as Jupyter Server does, without effect here\n";
  for (const auto& definition : table.without_effect())
    text += entry("--" + definition.full_name(), definition.help, width);
  return text;
}

std::string usage(const CommandSyntax& syntax, std::size_t width) {
  return fmt::format("Usage: {} [OPTIONS]{}\n\n{}\n", syntax.program,
                     syntax.arguments_name.empty() ? "" : " " + syntax.arguments_name,
                     wrap(syntax.summary, 0, width));
}

std::string common_help(const TraitTable& table, const CommandSyntax& syntax, std::size_t width) {
  return usage(syntax, width) + option_section(syntax, width) + short_name_section(table, width);
}

}  // namespace

std::string help_text(const TraitTable& table, const CommandSyntax& syntax, std::size_t width) {
  return common_help(table, syntax, width) + "\n" +
         wrap("Every trait of a class can be set with --Class.trait=value; --help-all lists them.", 0, width);
}

std::string all_help_text(const TraitTable& table, const CommandSyntax& syntax, std::size_t width) {
  auto text = common_help(table, syntax, width);
  for (const auto& class_name : table.class_names()) text += class_section(table, class_name, width);
  return text + without_effect_section(table, width);
}

std::size_t terminal_width(const Environment& environment) {
  if (const auto columns = environment.find("COLUMNS"); columns != environment.end()) {
    std::size_t width = 0;
    const auto& text = columns->second;
    if (std::from_chars(text.data(), text.data() + text.size(), width).ec == std::errc{} && width > 0)
      return std::clamp(width, narrowest, widest);
  }
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    return std::clamp<std::size_t>(size.ws_col, narrowest, widest);
  return 80;
}

}  // namespace nextgen_kernels
