#include "discovery/plugin_loader.h"

#include <algorithm>
#include <iterator>

#include "base/log.h"

namespace nextgen_kernels {

PluginLoader::PluginLoader(const std::vector<DiscoveredPlugin>& plugins, const nk_host& host,
                           PluginRegistrar& registrar, const std::filesystem::path& trial_program)
    : plugins_(plugins), host_(host), registrar_(registrar) {
  if (!trial_program.empty()) trial_.emplace(trial_program);
  for (const auto& plugin : plugins_)
    for (const auto& declared : plugin.manifest.classes)
      classes_.try_emplace(declared.reference, Declaration{&plugin, &declared});
}

PluginLoader::Declaration PluginLoader::find(const ClassReference& reference) const {
  const auto found = classes_.find(reference);
  return found == classes_.end() ? Declaration{nullptr, nullptr} : found->second;
}

Result<const nk_class*> PluginLoader::load_class(const ClassReference& reference, PluginClassKind kind) {
  const auto [plugin, declared] = find(reference);
  if (plugin == nullptr)
    return make_error(ErrorCode::not_found, "No plugin that was found brings class {}", reference);
  if (declared->kind != kind)
    return make_error(ErrorCode::unavailable, "Class {} of {} is a {}, not a {}", reference,
                      plugin->manifest.describe(), to_string(class_kind(declared->kind)),
                      to_string(class_kind(kind)));
  const auto library = load_library(*plugin);
  if (!library) return std::unexpected(library.error());
  return library->find_class(*declared);
}

Result<PluginLibrary> PluginLoader::load_library(const DiscoveredPlugin& plugin) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto loaded = libraries_.find(&plugin); loaded != libraries_.end()) return loaded->second;
  }
  if (!plugin.unusable.empty())
    return make_error(ErrorCode::unavailable, "The library of {} cannot be loaded: {}",
                      plugin.manifest.describe(), plugin.unusable);
  if (trial_)
    if (const auto problem = trial_->problem_of(plugin.manifest.library))
      return make_error(ErrorCode::unavailable, "The library of {} ({}) cannot be loaded: {}",
                        plugin.manifest.describe(), plugin.manifest.library.native(), *problem);
  const std::lock_guard lock(mutex_);  // Not before: a trial may take its time.
  if (const auto loaded = libraries_.find(&plugin); loaded != libraries_.end()) return loaded->second;
  auto library = PluginLibrary::load(plugin.manifest, registrar_.host_for(plugin.manifest, host_));
  if (!library) return library;
  log_info("Loaded {} ({}), compiled with SDK {}", plugin.manifest.describe(),
           plugin.manifest.library.native(), library->sdk_version());
  libraries_.emplace(&plugin, *library);
  return library;
}

std::vector<RegistryProblem> PluginLoader::load_completely(const DiscoveredPlugin& plugin) {
  const auto& manifest = plugin.manifest;
  if (!plugin.unusable.empty() || manifest.classes.empty()) return {};  // The former is known.
  const auto library = load_library(plugin);
  if (!library) return {{manifest.file.native(), manifest.describe(), library.error().message}};
  std::vector<RegistryProblem> problems;
  for (const auto& declared : manifest.classes)
    if (const auto found = library->find_class(declared); !found)
      problems.push_back({declared.reference.to_string(), manifest.describe(), found.error().message});
  return problems;
}

std::vector<RegistryProblem> PluginLoader::load_all() {
  std::vector<RegistryProblem> problems;
  for (const auto& plugin : plugins_)
    std::ranges::move(load_completely(plugin), std::back_inserter(problems));
  return problems;
}

std::vector<RegistryProblem> PluginLoader::load_at_start() {
  std::vector<RegistryProblem> problems;
  for (const auto& plugin : plugins_)
    if (plugin.manifest.load_at_start)
      std::ranges::move(load_completely(plugin), std::back_inserter(problems));
  return problems;
}

}  // namespace nextgen_kernels
