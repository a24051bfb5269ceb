#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/trait.h"

namespace nextgen_kernels {

/// A short option for a trait: `--port=8888` for `--ServerApp.port=8888`.
struct TraitAlias {
  std::string name;   ///< Without the dashes.
  std::string trait;  ///< `Class.trait`.
};

/// An option without a value that sets a trait: `--debug`.
struct TraitFlag {
  std::string name;  ///< Without the dashes.
  std::string
      trait;  ///< `Class.trait`; empty for a flag that is accepted for compatibility and sets nothing.
  std::string value;
  std::string help;
};

/// Another name under which a class is configured: a base or a subclass of it upstream.
struct ClassAlias {
  std::string name;
  std::string class_name;
};

/// A name found in a `TraitTable`.
struct ResolvedTrait {
  const TraitDefinition* definition = nullptr;
  std::string key = {};  ///< Of `Class.dictionary.key`, the key; else empty.
  bool name_is_deprecated = false;
};

/// All traits that exist, with the names under which they can be set. Made once at start-up, then read only;
/// it outlives every `Configuration` made for it.
class TraitTable {
 public:
  TraitTable(std::vector<TraitDefinition> traits, std::vector<TraitAlias> aliases,
             std::vector<TraitFlag> flags, std::vector<ClassAlias> class_aliases,
             std::vector<TraitDefinition> without_effect = {});

  const std::vector<TraitDefinition>& traits() const { return traits_; }
  const std::vector<TraitAlias>& aliases() const { return aliases_; }
  const std::vector<TraitFlag>& flags() const { return flags_; }

  /// The classes in the order of the table.
  std::vector<std::string> class_names() const;

  /// The trait called `Class.trait`, or a deprecated name of it, or `Class.dictionary.key`.
  std::optional<ResolvedTrait> resolve(std::string_view name) const;

  /// The trait that an alias (without dashes) stands for.
  const TraitDefinition* find_alias(std::string_view name) const;

  const TraitFlag* find_flag(std::string_view name) const;

  /// Traits of Jupyter that configurations have and that mean nothing here; `help` says why. Any value is
  /// accepted.
  const std::vector<TraitDefinition>& without_effect() const { return without_effect_; }

  /// The one called `Class.trait`.
  const TraitDefinition* find_without_effect(std::string_view name) const;

  /// What a person most likely meant by an unknown `Class.trait` (or bare `trait`): the same trait of another
  /// class, else the nearest spelling among the traits and `other_names`.
  std::optional<std::string> suggest(std::string_view unknown, std::vector<std::string> other_names) const;

 private:
  const TraitDefinition* find(std::string_view class_name, std::string_view trait_name) const;
  std::string_view class_of(std::string_view name) const;

  std::vector<TraitDefinition> traits_;
  std::vector<TraitAlias> aliases_;
  std::vector<TraitFlag> flags_;
  std::vector<ClassAlias> class_aliases_;
  std::vector<TraitDefinition> without_effect_;
};

/// What a person is told who sets a trait without effect; `subject` says where.
std::string explain_without_effect(const TraitDefinition& definition, std::string_view subject);

}  // namespace nextgen_kernels
