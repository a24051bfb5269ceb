#include "discovery/plugin_manifest.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <utility>

namespace nextgen_kernels {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr std::int64_t manifest_version = 1;
/// What people write stays far below; beyond it, printing a value again could exhaust the stack.
constexpr int max_depth = 64;

template <typename Named>
using Names = std::span<const std::pair<std::string_view, Named>>;

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
std::string_view name_of(Names<Named> names, Named wanted) {
  return std::ranges::find(names, wanted, &std::pair<std::string_view, Named>::second)->first;
}

bool is_package_name(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char character) {
    return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
           (character >= '0' && character <= '9') || character == '.' || character == '_' || character == '-';
  });
}

/// A name as a JSON path shows it: `classes` as it is, others in quotes.
std::string path_step(std::string_view parent, std::string_view name) {
  const bool plain = !name.empty() && std::ranges::all_of(name, [](char character) {
    return detail::is_identifier_character(character) && static_cast<unsigned char>(character) < 0x80;
  });
  if (!plain) return fmt::format("{}[{:?}]", parent, name);
  return parent.empty() ? std::string(name) : fmt::format("{}.{}", parent, name);
}

/// A JSON value and where it stands; `value` is null for a member that is not there.
struct Place {
  const json* value;
  std::string path;

  explicit operator bool() const { return value != nullptr; }
  Place member(std::string_view name) const {
    const auto found = value->find(name);
    return {found == value->end() ? nullptr : &*found, path_step(path, name)};
  }
  Place element(std::size_t index) const { return {&(*value)[index], fmt::format("{}[{}]", path, index)}; }
};

/// Takes a document apart. The first error is kept; what is read after it does not count.
class ManifestReader {
 public:
  explicit ManifestReader(const fs::path& file) : file_(file) {}

  Result<ParsedPluginManifest> read(const json& document) {
    const Place root{&document, ""};
    PluginManifest manifest;
    manifest.file = file_;
    if (!document.is_object())
      fail("It must be a JSON object, it is {}", document.type_name());
    else
      read_manifest(root, manifest);
    if (error_) return make_error(ErrorCode::invalid_argument, "{}: {}", file_.native(), *error_);
    return ParsedPluginManifest{std::move(manifest), std::move(warnings_)};
  }

 private:
  void read_manifest(const Place& root, PluginManifest& manifest) {
    // Another version may mean everything else differently.
    if (const auto version = required_integer(root, "manifest_version"); version != manifest_version)
      return fail("manifest_version is {}; this program reads version {}", version, manifest_version);
    warn_of_others(root,
                   {"manifest_version", "package", "version", "abi", "library", "classes", "entry_points"});
    manifest.package = required_text(root, "package");
    if (!is_package_name(manifest.package))
      fail("package {:?} is not a name: use letters, digits, '-', '_' and '.'", manifest.package);
    manifest.version = required_text(root, "version");
    static_cast<void>(parsed<Version>(root.member("version")));
    const auto abi = required_integer(root, "abi");
    if (!std::in_range<int>(abi)) fail("abi must be a small number, it is {}", abi);
    manifest.abi = static_cast<int>(abi);
    for_each_element(root.member("classes"), [&](const Place& place) {
      if (auto read = read_class(place)) manifest.classes.push_back(*std::move(read));
    });
    manifest.library = read_library(root.member("library"), !manifest.classes.empty());
    read_entry_points(root.member("entry_points"), manifest);
  }

  fs::path read_library(const Place& place, bool required) {
    if (!place && required) fail("library is missing: it names the file that holds the classes");
    const auto name = text(place);
    if (place && name.empty()) fail("library is empty");
    if (name.empty()) return {};
    if (name.find('\0') != std::string::npos) fail("library holds a NUL character");
    // Its folder as the system finds it, because ".." after a symbolic link is not what the text suggests.
    const auto written = file_.parent_path() / name;
    std::error_code error;
    const auto folder = fs::weakly_canonical(written.parent_path(), error);
    return error ? written.lexically_normal() : folder / written.filename();
  }

  std::optional<PluginClass> read_class(const Place& place) {
    if (!expect_object(place)) return std::nullopt;
    const auto kind = one_of<PluginClassKind>(place, "kind", class_kinds);
    auto reference = required<ClassReference>(place, "reference");
    if (!kind || !reference) return std::nullopt;
    PluginClass read{.reference = *std::move(reference), .kind = *kind};
    read.bases = parsed_list<ClassReference>(place.member("bases"));
    read.aliases = parsed_list<ClassReference>(place.member("aliases"));
    read.version = parsed<Version>(place.member("version"));
    switch (*kind) {
      case PluginClassKind::provisioner:
        warn_of_others(place, {"reference", "kind", "bases", "aliases", "version", "produces", "options"});
        read.produces = parsed_list<ConnectionContract>(place.member("produces"));
        for_each_member(place.member("options"), [&](const std::string& name, const Place& option) {
          if (auto one = read_option(name, option)) read.options.push_back(*std::move(one));
        });
        break;
      case PluginClassKind::client:
        warn_of_others(place, {"reference", "kind", "bases", "aliases", "version", "understands",
                               "provisioner_versions"});
        read.understands = parsed_list<UnderstoodContract>(place.member("understands"));
        read.provisioner_versions = parsed<VersionRange>(place.member("provisioner_versions"));
        break;
      case PluginClassKind::listener:
        warn_of_others(place, {"reference", "kind", "bases", "aliases", "version", "kernel_names"});
        for_each_element(place.member("kernel_names"),
                         [&](const Place& name) { read.kernel_names.push_back(text(name)); });
        break;
    }
    return read;
  }

  std::optional<PluginOption> read_option(const std::string& name, const Place& place) {
    if (!expect_object(place)) return std::nullopt;
    warn_of_others(place, {"type", "default", "help"});
    const auto type = one_of<PluginOptionType>(place, "type", option_types);
    if (!type) return std::nullopt;
    PluginOption option{.name = name, .type = *type, .help = text(place.member("help"))};
    if (const auto value = place.member("default")) {
      if (!accepts(*type, *value.value))
        fail("{} must be of the option's type, {}, it is {}", value.path, to_string(*type),
             value.value->type_name());
      option.default_value = *value.value;
    }
    return option;
  }

  void read_entry_points(const Place& place, PluginManifest& manifest) {
    if (!place || !expect_object(place)) return;
    const auto distribution = fmt::format("{} {}", manifest.package, manifest.version);
    const auto read_group = [&](std::string_view group, std::vector<EntryPoint>& entry_points) {
      for_each_member(place.member(group), [&](const std::string& name, const Place& value) {
        entry_points.push_back(
            {.name = name, .value = text(value), .distribution = distribution, .path = file_.native()});
      });
    };
    warn_of_others(place, {kernel_provisioners_entry_point_group, client_registry_entry_point_group});
    read_group(kernel_provisioners_entry_point_group, manifest.provisioners);
    read_group(client_registry_entry_point_group, manifest.clients);
  }

  template <typename... Args>
  void fail(fmt::format_string<Args...> format, Args&&... args) {
    if (!error_) error_ = fmt::format(format, std::forward<Args>(args)...);
  }

  bool expect(const Place& place, bool fits, std::string_view wanted) {
    if (!fits) fail("{} must be {}, it is {}", place.path, wanted, place.value->type_name());
    return fits;
  }
  bool expect_object(const Place& place) { return expect(place, place.value->is_object(), "an object"); }

  void warn_of_others(const Place& object, std::initializer_list<std::string_view> known) {
    for (const auto& [name, value] : object.value->items())
      if (std::ranges::find(known, name) == known.end())
        warnings_.push_back(fmt::format("{} is not known and has no effect", path_step(object.path, name)));
  }

  template <typename Function>
  void for_each_element(const Place& list, Function&& function) {
    if (!list || !expect(list, list.value->is_array(), "a list")) return;
    for (std::size_t index = 0; index < list.value->size() && !error_; ++index) function(list.element(index));
  }
  template <typename Function>
  void for_each_member(const Place& object, Function&& function) {
    if (!object || !expect_object(object)) return;
    for (const auto& [name, value] : object.value->items()) {
      if (error_) return;
      function(name, Place{&value, path_step(object.path, name)});
    }
  }

  /// Empty for a member that is not there.
  std::string text(const Place& place) {
    if (!place || !expect(place, place.value->is_string(), "a string")) return {};
    return place.value->get<std::string>();
  }

  /// A text that is the T it stands for; nothing for a member that is not there.
  template <typename T>
  std::optional<T> parsed(const Place& place) {
    if (!place || !expect(place, place.value->is_string(), "a string")) return std::nullopt;
    auto result = T::parse(place.value->template get_ref<const std::string&>());
    if (result) return *std::move(result);
    fail("{}: {}", place.path, result.error().message);
    return std::nullopt;
  }
  template <typename T>
  std::vector<T> parsed_list(const Place& list) {
    std::vector<T> items;
    for_each_element(list, [&](const Place& place) {
      if (auto item = parsed<T>(place)) items.push_back(*std::move(item));
    });
    return items;
  }

  Place required_member(const Place& object, std::string_view name) {
    auto place = object.member(name);
    if (!place) fail("{} is missing", place.path);
    return place;
  }
  std::string required_text(const Place& object, std::string_view name) {
    return text(required_member(object, name));
  }
  template <typename T>
  std::optional<T> required(const Place& object, std::string_view name) {
    return parsed<T>(required_member(object, name));
  }
  std::int64_t required_integer(const Place& object, std::string_view name) {
    const auto place = required_member(object, name);
    if (!place || !expect(place, place.value->is_number_integer(), "a whole number")) return 0;
    return place.value->get<std::int64_t>();
  }
  template <typename Named>
  std::optional<Named> one_of(const Place& object, std::string_view member, Names<Named> names) {
    const auto place = required_member(object, member);
    if (!place || !expect(place, place.value->is_string(), "a string")) return std::nullopt;
    const auto& name = place.value->get_ref<const std::string&>();
    std::vector<std::string_view> known;
    for (const auto& [known_name, named] : names) {
      if (known_name == name) return named;
      known.push_back(known_name);
    }
    fail("{} must be one of {}, it is {:?}", place.path, fmt::join(known, ", "), name);
    return std::nullopt;
  }

  const fs::path& file_;
  std::optional<std::string> error_;
  std::vector<std::string> warnings_;
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

std::string PluginManifest::describe() const {
  return fmt::format("plugin {} {}", package, version);
}

std::vector<ClassDeclaration> PluginManifest::class_declarations() const {
  std::vector<ClassDeclaration> declarations;
  for (const auto& one : classes) {
    if (one.kind == PluginClassKind::listener) continue;
    declarations.push_back(
        {.reference = one.reference,
         .kind = one.kind == PluginClassKind::client ? ClassKind::client : ClassKind::provisioner,
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
