#include "discovery/json_reader.h"

#include "base/strings.h"
#include "registry/class_reference.h"

namespace nextgen_kernels {
namespace {

/// A name as a JSON path shows it: `classes` as it is, others in quotes.
std::string path_step(std::string_view parent, std::string_view name) {
  const bool plain = !name.empty() && std::ranges::all_of(name, [](char character) {
    return detail::is_identifier_character(character) && static_cast<unsigned char>(character) < 0x80;
  });
  if (!plain) return fmt::format("{}[{:?}]", parent, name);
  return parent.empty() ? std::string(name) : fmt::format("{}.{}", parent, name);
}

}  // namespace

JsonPlace JsonPlace::member(std::string_view name) const {
  const auto found = value->find(name);
  return {found == value->end() ? nullptr : &*found, path_step(path, name)};
}

JsonPlace JsonPlace::element(std::size_t index) const {
  return {&(*value)[index], fmt::format("{}[{}]", path, index)};
}

bool JsonReader::expect(const JsonPlace& place, bool fits, std::string_view wanted) {
  if (!fits) fail("{} must be {}, it is {}", place.path, wanted, place.value->type_name());
  return fits;
}

void JsonReader::warn_of_others(const JsonPlace& object, std::initializer_list<std::string_view> known) {
  for (const auto& [name, value] : object.value->items())
    if (std::ranges::find(known, name) == known.end())
      warnings_.push_back(fmt::format("{} is not known and has no effect", path_step(object.path, name)));
}

void JsonReader::refuse_others(const JsonPlace& object, std::span<const std::string_view> known) {
  for (const auto& [name, value] : object.value->items()) {
    if (std::ranges::find(known, name) != known.end()) continue;
    const auto meant = closest_match(name, {known.begin(), known.end()});
    fail("{} is not known{}; there are {}", path_step(object.path, name),
         meant ? fmt::format(", did you mean {}?", *meant) : "", fmt::join(known, ", "));
  }
}

std::string JsonReader::text(const JsonPlace& place) {
  if (!place || !expect(place, place.value->is_string(), "a string")) return {};
  return place.value->get<std::string>();
}

std::vector<std::string> JsonReader::texts(const JsonPlace& list) {
  std::vector<std::string> all;
  for_each_element(list, [&](const JsonPlace& place) { all.push_back(text(place)); });
  return all;
}

JsonPlace JsonReader::required_member(const JsonPlace& object, std::string_view name) {
  auto place = object.member(name);
  if (!place) fail("{} is missing", place.path);
  return place;
}

std::int64_t JsonReader::integer(const JsonPlace& place) {
  if (!place || !expect(place, place.value->is_number_integer(), "a whole number")) return 0;
  if (place.value->is_number_unsigned() && !std::in_range<std::int64_t>(place.value->get<std::uint64_t>())) {
    fail("{} is too large a number", place.path);
    return 0;
  }
  return place.value->get<std::int64_t>();
}

bool JsonReader::boolean(const JsonPlace& place) {
  return place && expect(place, place.value->is_boolean(), "true or false") && place.value->get<bool>();
}

}  // namespace nextgen_kernels
