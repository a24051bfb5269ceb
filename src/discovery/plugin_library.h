#pragma once

#include <string>

#include <nextgen_kernels/abi.h>

#include "base/error.h"
#include "discovery/plugin_manifest.h"

namespace nextgen_kernels {

/// The loaded library of a plugin. Never unloaded, so copies are cheap and what it points to stays.
/// Immutable, for any thread.
class PluginLibrary {
 public:
  /// Loads the library that a manifest names, and asks it for its classes; runs code of it. The file that is
  /// loaded is the one whose permissions were looked at, whatever its path leads to by then; what is copied
  /// over it later changes nothing here. The error names the plugin, the library and what is wrong with it:
  /// file, permissions, symbols, ABI version.
  static Result<PluginLibrary> load(const PluginManifest& manifest, const nk_host& host);

  /// The class that a manifest declares. Fails when the library has none of this name and kind, or an
  /// incomplete one.
  Result<const nk_class*> find_class(const PluginClass& declared) const;

  /// The version of the SDK that it was compiled with.
  std::string sdk_version() const;

 private:
  PluginLibrary(std::string description, const nk_plugin* plugin)
      : description_(std::move(description)), plugin_(plugin) {}

  std::string description_;  // "plugin limited-kernels 1.0.0 (/path/liblimited.so)"
  const nk_plugin* plugin_;
};

}  // namespace nextgen_kernels
