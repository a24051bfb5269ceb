#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "registry/class_declaration.h"
#include "registry/entry_point.h"

namespace nextgen_kernels {

enum class PluginClassKind { provisioner, client, listener };

/// "provisioner", "client", "listener", as manifests write it.
std::string_view to_string(PluginClassKind kind);

/// The same kind, as the registry names it.
ClassKind class_kind(PluginClassKind kind);

/// The JSON type of an option's value.
enum class PluginOptionType { string, integer, number, boolean, array, object };

/// "string" and so on, as manifests write it.
std::string_view to_string(PluginOptionType type);

/// True when the value is of the type; an integer is a number, too.
bool accepts(PluginOptionType type, const nlohmann::json& value);

/// One option of a class. Those of provisioners are given by kernel specs, in
/// `metadata.kernel_provisioner.config`, the others by the configuration.
struct PluginOption {
  std::string name;
  PluginOptionType type;
  std::optional<nlohmann::json> default_value = {};  ///< Of that type.
  std::string help = {};
  bool required = false;                  ///< It must be given.
  std::vector<std::string> choices = {};  ///< Of strings: the values there are; empty: any.
};

/// True when the value, which is of the option's type, is one of its choices, or when it has none.
bool is_choice(const PluginOption& option, const nlohmann::json& value);

/// A class that a plugin's library brings. Which fields count depends on its kind.
struct PluginClass {
  ClassReference reference;
  PluginClassKind kind;
  std::vector<ClassReference> bases = {};
  std::vector<ClassReference> aliases = {};
  std::optional<Version> version = {};
  std::vector<ConnectionContract> produces = {};          ///< Provisioners.
  std::vector<PluginOption> options = {};                 ///< Sorted by name.
  std::vector<UnderstoodContract> understands = {};       ///< Clients.
  std::optional<VersionRange> provisioner_versions = {};  ///< Clients.
  std::vector<std::string> kernel_names = {};             ///< Listeners; empty: of every kernel.
};

/// What a native plugin says of itself, in a JSON file that is read without loading its library.
struct PluginManifest {
  std::filesystem::path file;  ///< Where it stands.
  std::string package;
  std::string version;
  int abi = 0;                    ///< The version of the plugin ABI that the library was built for.
  std::filesystem::path library;  ///< Absolute; empty when there are no classes.
  bool load_at_start = false;     ///< Before the first kernel needs it: it registers clients when loaded.
  std::vector<PluginClass> classes = {};
  /// Its entries in the groups `jupyter_client.kernel_provisioners` and `jupyter_kernel_client_registry`.
  std::vector<EntryPoint> provisioners = {};
  std::vector<EntryPoint> clients = {};

  /// "plugin limited-kernels 1.0.0", for messages.
  std::string describe() const;

  /// Its classes, for the registry.
  std::vector<ClassDeclaration> class_declarations() const;
};

/// A manifest, and what is odd in it but stops nothing: fields that are not known, one sentence each.
struct ParsedPluginManifest {
  PluginManifest manifest;
  std::vector<std::string> warnings = {};
};

/// A longer manifest is refused.
inline constexpr std::size_t max_plugin_manifest_size = std::size_t{1024} * 1024;

/// Reads the text of the manifest `file`, an absolute path, without looking for its library. Types are
/// strict; the error starts with the file and names the place: a JSON path as `classes[1].bases[0]`, or line
/// and column.
Result<ParsedPluginManifest> parse_plugin_manifest(std::string_view text, const std::filesystem::path& file);

}  // namespace nextgen_kernels
