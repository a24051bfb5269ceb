#include "config/trait.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include "base/strings.h"
#include "config/trait_json.h"

namespace nextgen_kernels {
namespace {

using nlohmann::json;

constexpr std::array<std::pair<std::string_view, int>, 8> log_levels = {{{"DEBUG", 10},
                                                                         {"INFO", 20},
                                                                         {"WARNING", 30},
                                                                         {"ERROR", 40},
                                                                         {"CRITICAL", 50},
                                                                         {"WARN", 30},
                                                                         {"FATAL", 50},
                                                                         {"NOTSET", 0}}};

std::optional<std::string> log_level_of_name(std::string_view name) {
  for (const auto& [level, number] : log_levels)
    if (to_lower(level) == to_lower(name)) return std::string(level);
  return std::nullopt;
}

std::optional<std::string> log_level_of_number(std::int64_t wanted) {
  for (const auto& [level, number] : log_levels)
    if (number == wanted) return std::string(level);
  return std::nullopt;
}

std::optional<bool> boolean_of(std::string_view text) {
  const auto word = to_lower(text);
  for (const auto* yes : {"true", "1", "yes", "on"})
    if (word == yes) return true;
  for (const auto* no : {"false", "0", "no", "off"})
    if (word == no) return false;
  return std::nullopt;
}

template <typename Number>
std::optional<Number> number_of(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool in_range(const TraitDefinition& definition, double number) {
  return std::isfinite(number) && (!definition.minimum || number >= *definition.minimum) &&
         (!definition.maximum || number <= *definition.maximum);
}

std::string describe_range(const TraitDefinition& definition) {
  if (definition.minimum && definition.maximum)
    return fmt::format(" from {} to {}", *definition.minimum, *definition.maximum);
  if (definition.minimum) return fmt::format(" of at least {}", *definition.minimum);
  if (definition.maximum) return fmt::format(" of at most {}", *definition.maximum);
  return "";
}

std::string json_text(std::string_view text) {
  return json(text).dump(-1, ' ', false, json::error_handler_t::replace);
}

/// A wrong value in an error message: short, and nothing of a secret.
std::string quote_wrong_value(const TraitDefinition& definition, std::string_view shown) {
  constexpr std::size_t longest = 60;
  if (definition.secret) return "the value given (not shown: it is a secret)";
  return shown.size() <= longest ? std::string(shown) : std::string(shown.substr(0, longest)) + "...";
}

std::unexpected<Error> wrong_value(const TraitDefinition& definition, std::string_view subject,
                                   std::string_view example, std::string_view shown) {
  return make_error(ErrorCode::invalid_argument, "{}: expected {}, such as {}, not {}", subject,
                    describe_type(definition), example, quote_wrong_value(definition, shown));
}

Result<TraitValue> parse_json_text(const TraitDefinition& definition, std::string_view text,
                                   std::string_view subject) {
  const auto value = json::parse(text, nullptr, false);
  if (value.is_discarded())
    return make_error(ErrorCode::invalid_argument, "{}: {} is not valid JSON; write it like {}", subject,
                      quote_wrong_value(definition, text), example_json(definition));
  return parse_trait_json(definition, value, subject);
}

/// The value of a scalar, or nothing when the text is not one of the definition's type.
TraitValue scalar_of_text(const TraitDefinition& definition, std::string_view text) {
  switch (definition.type) {
    case TraitType::boolean:
      if (const auto value = boolean_of(text)) return *value;
      return {};
    case TraitType::integer:
      if (const auto value = number_of<std::int64_t>(text);
          value && in_range(definition, static_cast<double>(*value)))
        return *value;
      return {};
    case TraitType::number:
      if (const auto value = number_of<double>(text); value && in_range(definition, *value)) return *value;
      return {};
    case TraitType::log_level:
      if (auto name = log_level_of_name(text)) return *std::move(name);
      if (const auto number = number_of<std::int64_t>(text))
        if (auto name = log_level_of_number(*number)) return *std::move(name);
      return {};
    case TraitType::choice:
      if (std::ranges::find(definition.choices, text) != definition.choices.end()) return std::string(text);
      return {};
    default:
      return std::string(text);
  }
}

std::optional<std::int64_t> integer_of_json(const json& value) {
  if (value.is_number_unsigned() && !std::in_range<std::int64_t>(value.get<std::uint64_t>()))
    return std::nullopt;
  if (!value.is_number_integer()) return std::nullopt;
  return value.get<std::int64_t>();
}

ObjectList object_list_of(const json& array) {
  ObjectList list;
  for (const auto& object : array)
    list.objects.push_back(object.dump(-1, ' ', false, json::error_handler_t::replace));
  return list;
}

nlohmann::ordered_json objects_of(const ObjectList& list) {
  auto objects = nlohmann::ordered_json::array();
  for (const auto& object : list.objects) objects.push_back(nlohmann::ordered_json::parse(object));
  return objects;
}

/// Whole numbers, true and false are taken as their texts, as on the command line.
TraitValue dictionary_of(const json& value) {
  const auto is_entry = [](const json& entry) {
    return entry.is_string() || entry.is_number_integer() || entry.is_boolean();
  };
  if (!value.is_object() || !std::ranges::all_of(value, is_entry)) return {};
  Dictionary dictionary;
  for (const auto& [key, entry] : value.items())
    dictionary.emplace(key, entry.is_string() ? entry.get<std::string>() : entry.dump());
  return dictionary;
}

/// The value of any type, or nothing when the JSON is not one of the definition's type.
TraitValue value_of_json(const TraitDefinition& definition, const json& value) {
  switch (definition.type) {
    case TraitType::boolean:
      if (value.is_boolean()) return value.get<bool>();
      return {};
    case TraitType::integer:
      if (const auto number = integer_of_json(value);
          number && in_range(definition, static_cast<double>(*number)))
        return *number;
      return {};
    case TraitType::number:
      if (value.is_number() && in_range(definition, value.get<double>())) return value.get<double>();
      return {};
    case TraitType::log_level:
      if (const auto number = integer_of_json(value))
        if (auto name = log_level_of_number(*number)) return *std::move(name);
      [[fallthrough]];
    case TraitType::text:
    case TraitType::choice:
      if (value.is_string()) return scalar_of_text(definition, value.get_ref<const std::string&>());
      return {};
    case TraitType::text_list:
      if (value.is_array() && std::ranges::all_of(value, &json::is_string)) return value.get<TextList>();
      return {};
    case TraitType::dictionary:
      return dictionary_of(value);
    case TraitType::object_list:
      if (value.is_array() && std::ranges::all_of(value, &json::is_object)) return object_list_of(value);
      return {};
  }
  return {};
}

}  // namespace

std::string describe_type(const TraitDefinition& definition) {
  switch (definition.type) {
    case TraitType::boolean:
      return "true or false";
    case TraitType::integer:
      return "an integer" + describe_range(definition);
    case TraitType::number:
      return "a number" + describe_range(definition);
    case TraitType::text:
      return "a text";
    case TraitType::text_list:
      return "a list of texts";
    case TraitType::dictionary:
      return "a dictionary of texts, whole numbers, true or false";
    case TraitType::object_list:
      return "a list of objects";
    case TraitType::log_level:
      return "a log level (DEBUG, INFO, WARNING, ERROR, CRITICAL or its number)";
    case TraitType::choice:
      return fmt::format("one of {}", fmt::join(definition.choices, ", "));
  }
  return "";
}

std::string example_text(const TraitDefinition& definition) {
  switch (definition.type) {
    case TraitType::text:
      return "TEXT";
    case TraitType::text_list:
      return "TEXT (once for each element)";
    case TraitType::dictionary:
      return "NAME=VALUE";
    case TraitType::object_list:
      return R"({"NAME": "VALUE"} (once for each object))";
    case TraitType::log_level:
      return "DEBUG";
    case TraitType::choice:
      return definition.choices.front();
    default:
      return to_json(definition.default_value).dump();
  }
}

std::string example_json(const TraitDefinition& definition) {
  switch (definition.type) {
    case TraitType::text:
      return R"("TEXT")";
    case TraitType::text_list:
      return R"(["TEXT", "TEXT"])";
    case TraitType::dictionary:
      return R"({"NAME": "VALUE"})";
    case TraitType::object_list:
      return R"([{"NAME": "VALUE"}])";
    case TraitType::log_level:
      return R"("DEBUG")";
    case TraitType::choice:
      return json_text(definition.choices.front());
    default:
      return to_json(definition.default_value).dump();
  }
}

Result<TraitValue> parse_trait_text(const TraitDefinition& definition, std::string_view text,
                                    std::string_view subject) {
  if (definition.type == TraitType::text_list) {
    if (text.starts_with('[')) return parse_json_text(definition, text, subject);
    return text.empty() ? TextList{} : TextList{std::string(text)};
  }
  if (definition.type == TraitType::dictionary) {
    if (text.starts_with('{')) return parse_json_text(definition, text, subject);
    const auto equals = text.find('=');
    if (equals == std::string_view::npos || equals == 0)
      return wrong_value(definition, subject, example_text(definition), json_text(text));
    return Dictionary{{std::string(text.substr(0, equals)), std::string(text.substr(equals + 1))}};
  }
  if (definition.type == TraitType::object_list)
    return parse_json_text(definition, text.starts_with('{') ? fmt::format("[{}]", text) : std::string(text),
                           subject);
  auto value = scalar_of_text(definition, text);
  if (std::holds_alternative<std::monostate>(value))
    return wrong_value(definition, subject, example_text(definition), json_text(text));
  return value;
}

Result<TraitValue> parse_trait_json(const TraitDefinition& definition, const json& json_value,
                                    std::string_view subject) {
  auto value = value_of_json(definition, json_value);
  if (std::holds_alternative<std::monostate>(value))
    return wrong_value(definition, subject, example_json(definition),
                       json_value.dump(-1, ' ', false, json::error_handler_t::replace));
  return value;
}

nlohmann::ordered_json to_json(const TraitValue& value) {
  return std::visit(
      [](const auto& held) -> nlohmann::ordered_json {
        if constexpr (std::is_same_v<std::decay_t<decltype(held)>, std::monostate>)
          return nullptr;
        else if constexpr (std::is_same_v<std::decay_t<decltype(held)>, ObjectList>)
          return objects_of(held);
        else
          return held;
      },
      value);
}

std::string display_value(const TraitDefinition& definition, const TraitValue& value) {
  if (std::holds_alternative<std::monostate>(value)) return "(none)";
  const auto shown = to_json(value).dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  return definition.secret && shown != R"("")" ? "(hidden)" : shown;
}

}  // namespace nextgen_kernels
