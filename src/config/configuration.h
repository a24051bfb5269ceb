#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/jupyter_paths.h"
#include "config/trait_table.h"

namespace nextgen_kernels {

/// Where a value came from.
struct ValueSource {
  enum class Kind { default_value, file, environment, command_line };
  Kind kind = Kind::default_value;
  std::string name = {};  ///< The file's path, or the environment variable.

  bool operator==(const ValueSource&) const = default;
};

/// "default", "/etc/jupyter/x.json", "environment variable JUPYTER_PORT", "command line".
std::string to_string(const ValueSource& source);

/// The value of every trait of a table, and where each came from. It starts with the defaults; what is
/// assigned later has precedence. A plain value, made at start-up and then only read.
class Configuration {
 public:
  explicit Configuration(const TraitTable& table) : table_(&table) {}

  const TraitTable& table() const { return *table_; }

  /// Sets a trait of the table. The entries of a dictionary join those set before; any other value replaces.
  void assign(const TraitDefinition& definition, TraitValue value, ValueSource source);

  /// Forgets what was assigned: the default holds again.
  void reset(const TraitDefinition& definition);

  /// Forgets one entry of a dictionary.
  void remove_entry(const TraitDefinition& definition, const std::string& key);

  const TraitValue& value(const TraitDefinition& definition) const;

  /// The sources of a value, most important last; several only for a dictionary.
  std::vector<ValueSource> sources(const TraitDefinition& definition) const;

  /// The value of `Class.trait` as a T (bool, std::int64_t, double, std::string, TextList, Dictionary or
  /// ObjectList); an error when there is no such trait, it has another type, or it has no value.
  template <typename T>
  Result<T> get(std::string_view name) const {
    const auto found = find(name);
    if (!found) return std::unexpected(found.error());
    if (const auto* held = std::get_if<T>(*found)) return *held;
    return make_error(ErrorCode::invalid_argument, "{} has no value of the type asked for", name);
  }

 private:
  struct Assigned {
    TraitValue value;
    std::vector<ValueSource> sources;
  };

  Result<const TraitValue*> find(std::string_view name) const;

  const TraitTable* table_;
  std::map<const TraitDefinition*, Assigned> assigned_;
};

/// One line for each trait with its value and where that came from; secrets are masked.
std::string show_configuration(const Configuration& configuration);

/// Assigns what the environment variables of the table's traits say; an empty variable says nothing.
Result<void> apply_environment(Configuration& configuration, const Environment& environment);

}  // namespace nextgen_kernels
