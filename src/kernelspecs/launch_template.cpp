#include "kernelspecs/launch_template.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <system_error>

#include <unistd.h>

#include "base/strings.h"

namespace nextgen_kernels {
namespace {

namespace fs = std::filesystem;
using Environment = std::map<std::string, std::string>;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_name_part(char c) {
  return is_name_start(c) || is_digit(c);
}

std::size_t name_end(std::string_view text, std::size_t start) {
  while (start < text.size() && is_name_part(text[start])) ++start;
  return start;
}

std::string value_of(const Environment& environment, const std::string& name) {
  const auto found = environment.find(name);
  return found == environment.end() ? std::string() : found->second;
}

std::string substitute_placeholders(std::string_view text, const std::map<std::string, std::string>& values) {
  std::string result;
  std::size_t at = 0;
  while (at < text.size()) {
    if (text[at] == '{') {
      const auto end = name_end(text, at + 1);
      if (end < text.size() && text[end] == '}') {
        const auto value = values.find(std::string(text.substr(at + 1, end - at - 1)));
        if (value != values.end()) {
          result += value->second;
          at = end + 1;
          continue;
        }
      }
    }
    result += text[at++];
  }
  return result;
}

/// Python's string.Template.safe_substitute.
std::string substitute_variables(std::string_view text, const Environment& values) {
  std::string result;
  std::size_t at = 0;
  while (at < text.size()) {
    if (text[at] != '$') {
      result += text[at++];
      continue;
    }
    const auto next = at + 1;
    if (next < text.size() && text[next] == '$') {
      result += '$';
      at = next + 1;
      continue;
    }
    const bool braced = next < text.size() && text[next] == '{';
    const auto start = braced ? next + 1 : next;
    const auto end = start < text.size() && is_name_start(text[start]) ? name_end(text, start) : start;
    const bool closed = !braced || (end < text.size() && text[end] == '}');
    if (end == start || !closed) {
      result += text[at++];
      continue;
    }
    const auto after = braced ? end + 1 : end;
    const auto value = values.find(std::string(text.substr(start, end - start)));
    result += value == values.end() ? text.substr(at, after - at) : std::string_view(value->second);
    at = after;
  }
  return result;
}

std::string expand_home(std::string argument, const std::string& home) {
  if (home.empty() || !(argument == "~" || argument.starts_with("~/"))) return argument;
  return home + argument.substr(1);
}

bool is_executable(const fs::path& file) {
  std::error_code failed;
  return fs::is_regular_file(file, failed) && ::access(file.c_str(), X_OK) == 0;
}

/// python, python3 or python3.N
bool is_python_name(std::string_view program) {
  constexpr std::string_view python3 = "python3";
  if (program == "python" || program == python3) return true;
  if (!program.starts_with("python3.") || program.size() == python3.size() + 1) return false;
  return std::ranges::all_of(program.substr(python3.size() + 1), is_digit);
}

/// Where `program` is in one of the directories; `python` and `python3` stand in for each other.
std::optional<std::string> find_python(const std::string& program, const std::vector<fs::path>& directories) {
  std::vector<std::string> names{program};
  if (program == "python") names.emplace_back("python3");
  if (program == "python3") names.emplace_back("python");
  for (const auto& name : names)
    for (const auto& directory : directories)
      if (is_executable(directory / name)) return (directory / name).string();
  return std::nullopt;
}

std::string resolve_python(const std::string& program, const KernelSpec& spec,
                           const Environment& environment) {
  if (const auto prefix = environment_prefix(spec.resource_dir))
    if (const auto python = find_python(program, {*prefix / "bin"})) return *python;
  std::vector<fs::path> path;
  const auto variable = value_of(environment, "PATH");
  for (const auto directory : split(variable, ':'))
    if (directory.starts_with('/')) path.emplace_back(directory);
  return find_python(program, path).value_or(program);
}

std::string real_path(const fs::path& path) {
  std::error_code failed;
  const auto resolved = fs::weakly_canonical(fs::absolute(path, failed), failed);
  return failed ? path.string() : resolved.string();
}

}  // namespace

std::optional<fs::path> environment_prefix(const fs::path& resource_dir) {
  auto directory = resource_dir.lexically_normal();
  if (!directory.has_filename()) directory = directory.parent_path();
  for (const auto name : std::to_array<std::string_view>({"kernels", "jupyter", "share"})) {
    directory = directory.parent_path();
    if (directory.filename() != name) return std::nullopt;
  }
  return directory.parent_path();
}

std::vector<std::string> format_kernel_command(const KernelSpec& spec, const LaunchValues& values,
                                               const std::map<std::string, std::string>& environment) {
  auto placeholders = values.named;
  placeholders.emplace("connection_file", real_path(values.connection_file));
  placeholders.emplace("resource_dir", spec.resource_dir.string());
  const auto prefix = environment_prefix(spec.resource_dir).value_or(values.default_prefix);
  if (!prefix.empty()) placeholders.emplace("prefix", prefix.string());

  auto command = spec.argv;
  command.insert(command.end(), values.extra_arguments.begin(), values.extra_arguments.end());
  if (!command.empty() && is_python_name(command.front()))
    command.front() = resolve_python(command.front(), spec, environment);
  const auto home = value_of(environment, "HOME");
  for (auto& argument : command)
    argument = expand_home(substitute_placeholders(argument, placeholders), home);
  return command;
}

std::map<std::string, std::string> kernel_environment(const KernelSpec& spec,
                                                      std::map<std::string, std::string> base) {
  std::map<std::string, std::string> own;
  for (const auto& [name, value] : spec.env) own[name] = substitute_variables(value, base);
  for (auto& [name, value] : own) base[name] = std::move(value);
  if (to_lower(spec.language).starts_with("python")) base.erase("PYTHONEXECUTABLE");
  return base;
}

}  // namespace nextgen_kernels
