#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"

namespace nextgen_kernels {

/// What values a trait takes.
enum class TraitType {
  boolean,
  integer,
  number,  ///< Whole or with a fraction.
  text,
  text_list,
  dictionary,   ///< Texts by name.
  object_list,  ///< JSON objects; what is in them is for whoever uses the trait to check.
  log_level,    ///< A level name of Python's `logging`, or its number; held as the name.
  choice,       ///< One of the texts in `TraitDefinition::choices`.
};

using TextList = std::vector<std::string>;
using Dictionary = std::map<std::string, std::string>;
/// JSON objects, each as its text.
struct ObjectList {
  std::vector<std::string> objects = {};
  bool operator==(const ObjectList&) const = default;
};

/// A trait's value; `std::monostate` says that it has none.
using TraitValue =
    std::variant<std::monostate, bool, std::int64_t, double, std::string, TextList, Dictionary, ObjectList>;

/// One option of one class, as traitlets knows them: `ServerApp.port`. Everything there is to say about an
/// option is said here once; parsing, checking, help and the default file follow from it.
struct TraitDefinition {
  std::string class_name;
  std::string name;
  TraitType type = TraitType::text;
  TraitValue default_value = {};
  std::string help;
  std::string environment_variable = {};       ///< Holds the value, when set and not empty.
  std::string environment_file_variable = {};  ///< Names a file that holds the value.
  std::vector<std::string> choices = {};
  std::optional<double> minimum = {};
  std::optional<double> maximum = {};
  std::vector<std::string> deprecated_names = {};  ///< `Class.trait` that older configuration uses for this.
  bool secret = false;                             ///< Its value is never shown.

  /// `Class.trait`.
  std::string full_name() const { return class_name + "." + name; }
};

/// What the trait accepts, for people: "an integer from 0 to 65535".
std::string describe_type(const TraitDefinition& definition);

/// A value the trait accepts, in the words of the command line: `8888`, `NAME=VALUE`.
std::string example_text(const TraitDefinition& definition);

/// A value the trait accepts, in JSON.
std::string example_json(const TraitDefinition& definition);

/// Reads a value as the command line and environment variables give it. A list takes one element or a JSON
/// array, a dictionary takes `key=value` or a JSON object, a list of objects takes one or a JSON array.
/// `subject` names what the value was given for, for the error message.
Result<TraitValue> parse_trait_text(const TraitDefinition& definition, std::string_view text,
                                    std::string_view subject);

/// The value for people, on one line; secrets are masked.
std::string display_value(const TraitDefinition& definition, const TraitValue& value);

}  // namespace nextgen_kernels
