#include "config/trait_table.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"

namespace nextgen_kernels {

TraitTable::TraitTable(std::vector<TraitDefinition> traits, std::vector<TraitAlias> aliases,
                       std::vector<TraitFlag> flags, std::vector<ClassAlias> class_aliases,
                       std::vector<TraitDefinition> without_effect)
    : traits_(std::move(traits)),
      aliases_(std::move(aliases)),
      flags_(std::move(flags)),
      class_aliases_(std::move(class_aliases)),
      without_effect_(std::move(without_effect)) {}

std::vector<std::string> TraitTable::class_names() const {
  std::vector<std::string> names;
  for (const auto& trait : traits_)
    if (std::ranges::find(names, trait.class_name) == names.end()) names.push_back(trait.class_name);
  return names;
}

const TraitDefinition* TraitTable::find(std::string_view class_name, std::string_view trait_name) const {
  const auto found = std::ranges::find_if(traits_, [class_name, trait_name](const TraitDefinition& trait) {
    return trait.class_name == class_name && trait.name == trait_name;
  });
  return found == traits_.end() ? nullptr : &*found;
}

/// The class that a `Class.trait` is of.
std::string_view TraitTable::class_of(std::string_view name) const {
  const auto class_name = name.substr(0, name.find('.'));
  const auto alias = std::ranges::find(class_aliases_, class_name, &ClassAlias::name);
  return alias == class_aliases_.end() ? class_name : std::string_view(alias->class_name);
}

std::optional<ResolvedTrait> TraitTable::resolve(std::string_view name) const {
  for (const auto& trait : traits_)
    for (const auto& deprecated : trait.deprecated_names)
      if (deprecated == name) return ResolvedTrait{.definition = &trait, .name_is_deprecated = true};

  const auto dot = name.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const auto class_name = class_of(name);
  const auto rest = name.substr(dot + 1);
  if (const auto* trait = find(class_name, rest)) return ResolvedTrait{.definition = trait};

  const auto key_dot = rest.find('.');
  if (key_dot == std::string_view::npos || key_dot + 1 == rest.size()) return std::nullopt;
  const auto* trait = find(class_name, rest.substr(0, key_dot));
  if (trait == nullptr || trait->type != TraitType::dictionary) return std::nullopt;
  return ResolvedTrait{.definition = trait, .key = std::string(rest.substr(key_dot + 1))};
}

const TraitDefinition* TraitTable::find_alias(std::string_view name) const {
  const auto alias = std::ranges::find(aliases_, name, &TraitAlias::name);
  if (alias == aliases_.end()) return nullptr;
  const auto resolved = resolve(alias->trait);
  return resolved ? resolved->definition : nullptr;
}

const TraitDefinition* TraitTable::find_without_effect(std::string_view name) const {
  const auto dot = name.find('.');
  if (dot == std::string_view::npos) return nullptr;
  const auto found = std::ranges::find_if(without_effect_, [&](const TraitDefinition& trait) {
    return trait.class_name == class_of(name) && trait.name == name.substr(dot + 1);
  });
  return found == without_effect_.end() ? nullptr : &*found;
}

std::string explain_without_effect(const TraitDefinition& definition, std::string_view subject) {
  return fmt::format("{} has no effect: {}", subject, definition.help);
}

const TraitFlag* TraitTable::find_flag(std::string_view name) const {
  const auto flag = std::ranges::find(flags_, name, &TraitFlag::name);
  return flag == flags_.end() ? nullptr : &*flag;
}

std::optional<std::string> TraitTable::suggest(std::string_view unknown,
                                               std::vector<std::string> other_names) const {
  std::string trait_name(unknown.substr(unknown.rfind('.') + 1));
  std::ranges::replace(trait_name, '-', '_');
  std::vector<std::string> candidates;
  for (const auto& trait : traits_)
    if (trait.name == trait_name) candidates.push_back(trait.full_name());
  if (!candidates.empty()) return closest_match(unknown, candidates).value_or(candidates.front());
  candidates = std::move(other_names);
  for (const auto& trait : traits_) candidates.push_back(trait.full_name());
  return closest_match(unknown, candidates);
}

}  // namespace nextgen_kernels
