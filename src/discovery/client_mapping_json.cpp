#include "discovery/client_mapping_json.h"

#include <array>
#include <limits>
#include <utility>

namespace nextgen_kernels {
namespace {

constexpr std::array<std::string_view, 7> members = {"provisioner",    "client", "kernel_names", "languages",
                                                     "kernel_clients", "labels", "priority"};
constexpr std::span<const std::string_view> members_in_manifest = std::span(members).subspan<1>();
constexpr std::span<const std::string_view> members_of_options = std::span(members).subspan<2>();

std::vector<std::string> read_values(JsonReader& reader, const JsonPlace& list) {
  auto values = reader.texts(list);
  if (list && values.empty()) reader.fail("{} is empty: leave it out when any value will do", list.path);
  return values;
}

int read_priority(JsonReader& reader, const JsonPlace& place) {
  const auto priority = reader.integer(place);
  if (!std::in_range<int>(priority))
    reader.fail("{} must be a number from {} to {}", place.path, std::numeric_limits<int>::min(),
                std::numeric_limits<int>::max());
  return static_cast<int>(priority);
}

MappingOptions read_options(JsonReader& reader, const JsonPlace& place) {
  MappingOptions options;
  auto& criteria = options.criteria;
  criteria.kernel_names = read_values(reader, place.member("kernel_names"));
  criteria.languages = read_values(reader, place.member("languages"));
  criteria.kernel_clients = read_values(reader, place.member("kernel_clients"));
  reader.for_each_member(place.member("labels"), [&](const std::string& name, const JsonPlace& value) {
    criteria.labels.insert_or_assign(name, reader.text(value));
  });
  options.priority = read_priority(reader, place.member("priority"));
  return options;
}

TextMapping read_mapping(JsonReader& reader, std::string provisioner, const JsonPlace& place) {
  auto client = reader.required_text(place, "client");
  return {.provisioner = std::move(provisioner),
          .client = std::move(client),
          .options = read_options(reader, place)};
}

}  // namespace

std::vector<TextMapping> read_client_mappings(JsonReader& reader, const std::string& provisioner,
                                              const JsonPlace& place) {
  std::vector<TextMapping> mappings;
  const auto read_one = [&](const JsonPlace& one) {
    if (one.value->is_string()) {
      mappings.push_back({.provisioner = provisioner, .client = reader.text(one), .options = {}});
    } else if (reader.expect(one, one.value->is_object(), "a class reference or an object")) {
      reader.refuse_others(one, members_in_manifest);
      mappings.push_back(read_mapping(reader, provisioner, one));
    }
  };
  if (place.value->is_array())
    reader.for_each_element(place, read_one);
  else
    read_one(place);
  return mappings;
}

Result<MappingOptions> parse_mapping_options(std::string_view text, const std::string& name) {
  const auto document = nlohmann::json::parse(text, nullptr, false);
  if (document.is_discarded()) return make_error(ErrorCode::invalid_argument, "{} are not JSON", name);
  const JsonPlace place{&document, name};
  JsonReader reader;
  MappingOptions options;
  if (reader.expect_object(place)) {
    reader.refuse_others(place, members_of_options);
    options = read_options(reader, place);
  }
  if (reader.error()) return make_error(ErrorCode::invalid_argument, "{}", *reader.error());
  return options;
}

Result<std::vector<TextMapping>> parse_client_mappings(std::span<const std::string> objects,
                                                       const std::string& name) {
  std::vector<TextMapping> mappings;
  for (const auto& object : objects) {
    const auto document = nlohmann::json::parse(object, nullptr, false);
    const JsonPlace place{&document, fmt::format("{}[{}]", name, mappings.size())};
    JsonReader reader;
    if (reader.expect_object(place)) {
      reader.refuse_others(place, members);
      mappings.push_back(read_mapping(reader, reader.required_text(place, "provisioner"), place));
      mappings.back().options.source = name;
    }
    if (reader.error()) return make_error(ErrorCode::invalid_argument, "{}", *reader.error());
  }
  return mappings;
}

}  // namespace nextgen_kernels
