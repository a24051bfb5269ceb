#include "app/kernel_catalog.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "app/builtin_classes.h"
#include "base/log.h"
#include "discovery/client_mapping_json.h"
#include "discovery/python_distributions.h"

namespace nextgen_kernels {
namespace {

DiscoveryPaths discovery_paths(const ServerOptions& options, const JupyterPaths& paths) {
  DiscoveryPaths found{.plugin_path = {options.plugin_path.begin(), options.plugin_path.end()},
                       .data_path = paths.data_path,
                       .python_path = {options.python_path.begin(), options.python_path.end()}};
  if (found.python_path.empty())
    found.python_path = default_python_path(paths.environment_prefixes, paths.python_user_base);
  return found;
}

}  // namespace

Result<std::unique_ptr<KernelCatalog>> KernelCatalog::make(const ServerOptions& options,
                                                           const JupyterPaths& paths,
                                                           const Environment& environment) {
  std::unique_ptr<KernelCatalog> catalog(new KernelCatalog(options, paths, environment));
  if (auto ready = catalog->set_up(options); !ready) return std::unexpected(ready.error());
  return catalog;
}

KernelCatalog::KernelCatalog(const ServerOptions& options, const JupyterPaths& paths,
                             const Environment& environment)
    : provisioners_(options.default_provisioner_name, environment),
      discovery_(discover(discovery_paths(options, paths))),
      specs_(std::make_unique<KernelSpecManager>(KernelSpecManagerOptions{
          .data_path = paths.data_path,
          .allowed_kernelspecs = {options.allowed_kernelspecs.begin(), options.allowed_kernelspecs.end()},
          .ensure_native_kernel = options.ensure_native_kernel,
          .python_prefixes = paths.environment_prefixes,
          .check_availability = [this](const KernelSpec& spec) {
            return check_provisioner(provisioners_, spec);
          }})) {}

Result<void> KernelCatalog::set_up(const ServerOptions& options) {
  if (auto registered = register_builtin_classes(registry_, provisioners_); !registered) return registered;
  add_packages();
  if (auto applied = apply_configuration(options); !applied) return applied;
  mark_what_cannot_be_made();
  return {};
}

void KernelCatalog::add_packages() {
  for (const auto& plugin : discovery_.plugins) {
    for (const auto& error : registry_.define_classes(plugin.manifest.class_declarations()))
      if (error.code == ErrorCode::already_exists)  // Of the others the registry itself keeps a problem.
        refused_.push_back({plugin.manifest.file.native(), plugin.manifest.describe(), error.message});
    for (const auto& one : plugin.manifest.classes) plugin_classes_.try_emplace(one.reference, &plugin);
  }
  registry_.set_entry_point_provider([this] { return discovery_.clients; });
  registry_.auto_discover_registrations();
  for (const auto& error :
       provisioners_.auto_discover_provisioners(discovery_.provisioners, *registry_.classes()))
    refused_.push_back({std::string(kernel_provisioners_entry_point_group), "", error.message});
}

Result<void> KernelCatalog::apply_configuration(const ServerOptions& options) {
  if (options.fallback_client_class.empty()) {
    registry_.remove_fallback_client();
  } else {
    const auto fallback = ClassReference::parse(options.fallback_client_class);
    if (!fallback)
      return make_error(fallback.error().code, "KernelClientRegistry.fallback_client_class: {}",
                        fallback.error().message);
    registry_.set_fallback_client(*fallback, Precedence::configuration);
  }
  auto conditional = parse_client_mappings(options.conditional_client_mappings.objects,
                                           "KernelClientRegistry.conditional_client_mappings");
  if (!conditional) return std::unexpected(conditional.error());
  registry_.apply_config_mappings(
      {options.provisioner_client_mappings.begin(), options.provisioner_client_mappings.end()},
      *std::move(conditional));
  return {};
}

void KernelCatalog::mark_what_cannot_be_made() {
  // Said now, so that a kernel of such a class is refused in these words and gets no other client instead.
  constexpr std::string_view is_python = "its class is Python, and this build hosts no Python classes";
  constexpr std::string_view is_unknown =
      "no plugin that was found brings it, and this build hosts no Python classes";
  for (const auto& named : provisioners_.provisioners())
    provisioners_.set_unavailable(named.provisioner, why_not_made(named.provisioner, is_python));
  const auto fallback = registry_.fallback_client_class();
  if (fallback) registry_.set_unavailable(*fallback, why_not_made(*fallback, is_unknown));
  for (const auto& info : registry_.registered_mappings()) {
    const bool is_discovered = info.mapping->precedence == Precedence::entry_point;
    registry_.set_unavailable(info.mapping->client,
                              why_not_made(info.mapping->client, is_discovered ? is_python : is_unknown));
  }
}

std::string KernelCatalog::why_not_made(const ClassReference& reference, std::string_view otherwise) const {
  if (is_builtin_class(reference)) return {};
  const auto found = plugin_classes_.find(reference);
  if (found == plugin_classes_.end()) return std::string(otherwise);
  const auto& plugin = *found->second;
  return plugin.unusable.empty()
             ? std::string()
             : fmt::format("it is of {}: {}", plugin.manifest.describe(), plugin.unusable);
}

std::vector<RegistryProblem> KernelCatalog::problems() const {
  auto found = discovery_.problems;
  std::ranges::copy(refused_, std::back_inserter(found));
  std::ranges::move(registry_.problems(), std::back_inserter(found));
  for (const auto& conflict : registry_.conflicts())
    found.push_back(
        {conflict.used->provisioner.to_string(), conflict.used->describe_source(), conflict.message});
  for (const auto& conflict : provisioners_.conflicts())
    found.push_back({conflict.used.name, conflict.used.source, conflict.message});
  for (const auto& named : provisioners_.provisioners())
    if (!named.unavailable.empty())
      found.push_back(
          {named.name, named.source,
           fmt::format("provisioner {} cannot be used: {}", named.provisioner, named.unavailable)});
  for (const auto& entry : specs_->list())
    if (entry.status == KernelSpecStatus::broken || entry.status == KernelSpecStatus::unavailable)
      found.push_back({fmt::format("kernel spec {}", entry.name), entry.resource_dir.native(),
                       entry.spec ? std::string() : entry.spec.error().message});
  return found;
}

void KernelCatalog::log_findings() const {
  for (const auto& plugin : discovery_.plugins)
    log_info("Found {} ({})", plugin.manifest.describe(), plugin.manifest.file.native());
  for (const auto& problem : discovery_.problems) log_warning("{}: {}", problem.subject, problem.message);
  for (const auto& info : registry_.registered_mappings())
    log_info("Kernels of {} are served by {} ({}){}", info.mapping->provisioner, info.mapping->client,
             info.mapping->describe_source(),
             info.reason.empty() ? "" : fmt::format(", which cannot be used: {}", info.reason));
}

}  // namespace nextgen_kernels
