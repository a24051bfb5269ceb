#include "discovery/plugin_manifest.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <utility>

#include "discovery/client_mapping_json.h"
#include "discovery/json_reader.h"

namespace nextgen_kernels {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr std::int64_t manifest_version = 1;
/// What people write stays far below; beyond it, printing a value again could exhaust the stack.
constexpr int max_depth = 64;

constexpr std::array<std::pair<std::string_view, PluginClassKind>, 3> class_kinds = {{
    {"provisioner", PluginClassKind::provisioner},
    {"client", PluginClassKind::client},
    {"listener", PluginClassKind::listener},
}};
constexpr std::array<std::pair<std::string_view, PluginOptionType>, 6> option_types = {{
    {"string", PluginOptionType::string},
    {"integer", PluginOptionType::integer},
    {"number", PluginOptionType::number},
    {"boolean", PluginOptionType::boolean},
    {"array", PluginOptionType::array},
    {"object", PluginOptionType::object},
}};

template <typename Named>
std::string_view name_of(JsonReader::Names<Named> names, Named wanted) {
  return std::ranges::find(names, wanted, &std::pair<std::string_view, Named>::second)->first;
}

bool is_package_name(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char character) {
    return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
           (character >= '0' && character <= '9') || character == '.' || character == '_' || character == '-';
  });
}

class ManifestReader : private JsonReader {
 public:
  explicit ManifestReader(const fs::path& file) : file_(file) {}

  Result<ParsedPluginManifest> read(const json& document) {
    const JsonPlace root{&document, ""};
    PluginManifest manifest;
    manifest.file = file_;
    if (!document.is_object())
      fail("It must be a JSON object, it is {}", document.type_name());
    else
      read_manifest(root, manifest);
    if (error()) return make_error(ErrorCode::invalid_argument, "{}: {}", file_.native(), *error());
    return ParsedPluginManifest{std::move(manifest), take_warnings()};
  }

 private:
  void read_manifest(const JsonPlace& root, PluginManifest& manifest) {
    // Another version may mean everything else differently.
    if (const auto version = integer(required_member(root, "manifest_version")); version != manifest_version)
      return fail("manifest_version is {}; this program reads version {}", version, manifest_version);
    warn_of_others(root, {"manifest_version", "package", "version", "abi", "library", "load_at_start",
                          "classes", "entry_points"});
    manifest.package = required_text(root, "package");
    if (!is_package_name(manifest.package))
      fail("package {:?} is not a name: use letters, digits, '-', '_' and '.'", manifest.package);
    manifest.version = required_text(root, "version");
    static_cast<void>(parsed<Version>(root.member("version")));
    const auto abi = integer(required_member(root, "abi"));
    if (!std::in_range<int>(abi)) fail("abi must be a small number, it is {}", abi);
    manifest.abi = static_cast<int>(abi);
    for_each_element(root.member("classes"), [&](const JsonPlace& place) {
      if (auto read = read_class(place)) manifest.classes.push_back(*std::move(read));
    });
    manifest.library = read_library(root.member("library"), !manifest.classes.empty());
    manifest.load_at_start = boolean(root.member("load_at_start"));
    read_entry_points(root.member("entry_points"), manifest);
  }

  fs::path read_library(const JsonPlace& place, bool required) {
    if (!place && required) fail("library is missing: it names the file that holds the classes");
    const auto name = text(place);
    if (place && name.empty()) fail("library is empty");
    if (name.empty()) return {};
    if (name.find('\0') != std::string::npos) fail("library holds a NUL character");
    // Its folder as the system finds it, because ".." after a symbolic link is not what the text suggests.
    const auto written = file_.parent_path() / name;
    std::error_code failure;
    const auto folder = fs::weakly_canonical(written.parent_path(), failure);
    return failure ? written.lexically_normal() : folder / written.filename();
  }

  std::optional<PluginClass> read_class(const JsonPlace& place) {
    if (!expect_object(place)) return std::nullopt;
    const auto kind = one_of<PluginClassKind>(place, "kind", class_kinds);
    auto reference = required<ClassReference>(place, "reference");
    if (!kind || !reference) return std::nullopt;
    PluginClass read{.reference = *std::move(reference), .kind = *kind};
    read.bases = parsed_list<ClassReference>(place.member("bases"));
    read.aliases = parsed_list<ClassReference>(place.member("aliases"));
    read.version = parsed<Version>(place.member("version"));
    for_each_member(place.member("options"), [&](const std::string& name, const JsonPlace& option) {
      if (auto one = read_option(name, option)) read.options.push_back(*std::move(one));
    });
    switch (*kind) {
      case PluginClassKind::provisioner:
        warn_of_others(place, {"reference", "kind", "bases", "aliases", "version", "produces", "options"});
        read.produces = parsed_list<ConnectionContract>(place.member("produces"));
        break;
      case PluginClassKind::client:
        warn_of_others(place, {"reference", "kind", "bases", "aliases", "version", "understands",
                               "provisioner_versions", "options"});
        read.understands = parsed_list<UnderstoodContract>(place.member("understands"));
        read.provisioner_versions = parsed<VersionRange>(place.member("provisioner_versions"));
        break;
      case PluginClassKind::listener:
        warn_of_others(place,
                       {"reference", "kind", "bases", "aliases", "version", "kernel_names", "options"});
        read.kernel_names = texts(place.member("kernel_names"));
        break;
    }
    return read;
  }

  std::optional<PluginOption> read_option(const std::string& name, const JsonPlace& place) {
    if (!expect_object(place)) return std::nullopt;
    warn_of_others(place, {"type", "default", "help", "required", "choices"});
    const auto type = one_of<PluginOptionType>(place, "type", option_types);
    if (!type) return std::nullopt;
    PluginOption option{.name = name,
                        .type = *type,
                        .help = text(place.member("help")),
                        .required = boolean(place.member("required")),
                        .choices = texts(place.member("choices"))};
    if (!option.choices.empty() && *type != PluginOptionType::string)
      fail("{} are for options of the type string", place.member("choices").path);
    if (const auto value = place.member("default")) {
      if (!accepts(*type, *value.value))
        fail("{} must be of the option's type, {}, it is {}", value.path, to_string(*type),
             value.value->type_name());
      else if (!is_choice(option, *value.value))
        fail("{} must be one of {}", value.path, fmt::join(option.choices, ", "));
      option.default_value = *value.value;
    }
    return option;
  }

  void read_entry_points(const JsonPlace& place, PluginManifest& manifest) {
    if (!place || !expect_object(place)) return;
    const auto distribution = fmt::format("{} {}", manifest.package, manifest.version);
    const auto entry_point = [&](const std::string& name, std::string value) {
      return EntryPoint{
          .name = name, .value = std::move(value), .distribution = distribution, .path = file_.native()};
    };
    warn_of_others(place, {kernel_provisioners_entry_point_group, client_registry_entry_point_group});
    for_each_member(place.member(kernel_provisioners_entry_point_group),
                    [&](const std::string& name, const JsonPlace& value) {
                      manifest.provisioners.push_back(entry_point(name, text(value)));
                    });
    for_each_member(place.member(client_registry_entry_point_group),
                    [&](const std::string& name, const JsonPlace& value) {
                      for (auto& mapping : read_client_mappings(*this, name, value)) {
                        auto added = entry_point(name, std::move(mapping.client));
                        added.criteria = std::move(mapping.options.criteria);
                        added.priority = mapping.options.priority;
                        manifest.clients.push_back(std::move(added));
                      }
                    });
  }

  const fs::path& file_;
};

/// What the JSON library says of broken text, without its numbering and without what it read last, which can
/// be as long as the file.
std::string syntax_complaint(std::string_view what) {
  if (const auto bracket = what.find("] "); bracket != std::string_view::npos)
    what.remove_prefix(bracket + 2);
  return std::string(what.substr(0, what.find("; last read: ")));
}

}  // namespace

std::string_view to_string(PluginClassKind kind) {
  return name_of<PluginClassKind>(class_kinds, kind);
}

ClassKind class_kind(PluginClassKind kind) {
  switch (kind) {
    case PluginClassKind::provisioner:
      return ClassKind::provisioner;
    case PluginClassKind::client:
      return ClassKind::client;
    case PluginClassKind::listener:
      return ClassKind::listener;
  }
  return ClassKind::listener;
}

std::string_view to_string(PluginOptionType type) {
  return name_of<PluginOptionType>(option_types, type);
}

bool accepts(PluginOptionType type, const json& value) {
  switch (type) {
    case PluginOptionType::string:
      return value.is_string();
    case PluginOptionType::integer:
      return value.is_number_integer();
    case PluginOptionType::number:
      return value.is_number();
    case PluginOptionType::boolean:
      return value.is_boolean();
    case PluginOptionType::array:
      return value.is_array();
    case PluginOptionType::object:
      return value.is_object();
  }
  return false;
}

bool is_choice(const PluginOption& option, const json& value) {
  return option.choices.empty() ||
         std::ranges::any_of(option.choices, [&value](const auto& choice) { return value == choice; });
}

std::string PluginManifest::describe() const {
  return fmt::format("plugin {} {}", package, version);
}

std::vector<ClassDeclaration> PluginManifest::class_declarations() const {
  std::vector<ClassDeclaration> declarations;
  for (const auto& one : classes) {
    declarations.push_back({.reference = one.reference,
                            .kind = class_kind(one.kind),
                            .bases = one.bases,
                            .aliases = one.aliases,
                            .version = one.version,
                            .produces = one.produces,
                            .understands = one.understands,
                            .provisioner_versions = one.provisioner_versions,
                            .source = describe()});
  }
  return declarations;
}

Result<ParsedPluginManifest> parse_plugin_manifest(std::string_view text, const fs::path& file) {
  if (text.size() > max_plugin_manifest_size)
    return make_error(ErrorCode::invalid_argument, "{}: it is larger than {} bytes", file.native(),
                      max_plugin_manifest_size);
  bool too_deep = false;
  const auto limit_depth = [&too_deep](int depth, json::parse_event_t, json&) {
    too_deep = too_deep || depth > max_depth;
    return depth <= max_depth;
  };
  json document;
  try {
    document = json::parse(text, limit_depth);
  } catch (const json::parse_error& error) {
    return make_error(ErrorCode::invalid_argument, "{}: {}", file.native(), syntax_complaint(error.what()));
  } catch (const json::exception&) {
    return make_error(ErrorCode::invalid_argument, "{}: a number is out of range", file.native());
  }
  if (too_deep)
    return make_error(ErrorCode::invalid_argument, "{}: values are nested more than {} levels deep",
                      file.native(), max_depth);
  return ManifestReader(file).read(document);
}

}  // namespace nextgen_kernels
