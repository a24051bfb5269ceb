#include "config/configuration.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <utility>

#include "base/strings.h"

namespace nextgen_kernels {
namespace {

/// What a file holds, without the line break that editors put at its end.
Result<std::string> read_value_file(const std::string& path, std::string_view variable) {
  std::ifstream file(path, std::ios::binary);
  std::string content{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file.is_open() || file.bad())
    return make_error(ErrorCode::io, "Environment variable {}: cannot read the file {} that it names",
                      variable, path);
  return std::string(trim(content));
}

Result<void> apply_variable(Configuration& configuration, const TraitDefinition& definition,
                            const std::string& variable, std::string_view text) {
  auto value = parse_trait_text(definition, text, "Environment variable " + variable);
  if (!value) return std::unexpected(value.error());
  configuration.assign(definition, *std::move(value),
                       {.kind = ValueSource::Kind::environment, .name = variable});
  return {};
}

}  // namespace

std::string to_string(const ValueSource& source) {
  switch (source.kind) {
    case ValueSource::Kind::default_value:
      return "default";
    case ValueSource::Kind::file:
      return source.name;
    case ValueSource::Kind::environment:
      return "environment variable " + source.name;
    case ValueSource::Kind::command_line:
      return "command line";
  }
  return "";
}

void Configuration::assign(const TraitDefinition& definition, TraitValue value, ValueSource source) {
  auto& assigned = assigned_[&definition];
  auto* new_entries = std::get_if<Dictionary>(&value);
  auto* entries = std::get_if<Dictionary>(&assigned.value);
  if (new_entries != nullptr && entries != nullptr) {
    new_entries->merge(*entries);
    std::erase(assigned.sources, source);
  } else {
    assigned.sources.clear();
  }
  assigned.value = std::move(value);
  assigned.sources.push_back(std::move(source));
}

void Configuration::reset(const TraitDefinition& definition) {
  assigned_.erase(&definition);
}

void Configuration::remove_entry(const TraitDefinition& definition, const std::string& key) {
  const auto found = assigned_.find(&definition);
  if (found == assigned_.end()) return;
  if (auto* entries = std::get_if<Dictionary>(&found->second.value)) entries->erase(key);
}

const TraitValue& Configuration::value(const TraitDefinition& definition) const {
  const auto found = assigned_.find(&definition);
  return found == assigned_.end() ? definition.default_value : found->second.value;
}

std::vector<ValueSource> Configuration::sources(const TraitDefinition& definition) const {
  const auto found = assigned_.find(&definition);
  return found == assigned_.end() ? std::vector<ValueSource>{{}} : found->second.sources;
}

Result<const TraitValue*> Configuration::find(std::string_view name) const {
  const auto resolved = table_->resolve(name);
  if (!resolved || !resolved->key.empty())
    return make_error(ErrorCode::not_found, "There is no trait {}", name);
  return &value(*resolved->definition);
}

std::string show_configuration(const Configuration& configuration) {
  std::string text;
  for (const auto& definition : configuration.table().traits()) {
    std::string sources;
    for (const auto& source : configuration.sources(definition))
      sources += (sources.empty() ? "" : ", ") + to_string(source);
    text += fmt::format("{} = {}  [{}]\n", definition.full_name(),
                        display_value(definition, configuration.value(definition)), sources);
  }
  return text;
}

Result<void> apply_environment(Configuration& configuration, const Environment& environment) {
  const auto variable = [&environment](const std::string& name) -> std::string {
    const auto found = environment.find(name);
    return found == environment.end() ? "" : found->second;
  };
  for (const auto& definition : configuration.table().traits()) {
    if (const auto text = variable(definition.environment_variable); !text.empty()) {
      if (auto applied = apply_variable(configuration, definition, definition.environment_variable, text);
          !applied)
        return applied;
    } else if (const auto path = variable(definition.environment_file_variable); !path.empty()) {
      const auto content = read_value_file(path, definition.environment_file_variable);
      if (!content) return std::unexpected(content.error());
      if (auto applied =
              apply_variable(configuration, definition, definition.environment_file_variable, *content);
          !applied)
        return applied;
    }
  }
  return {};
}

}  // namespace nextgen_kernels
