#include "app/kernel_catalog.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "app/builtin_classes.h"
#include "base/log.h"
#include "base/strings.h"
#include "discovery/client_mapping_json.h"
#include "discovery/plugin_options.h"
#include "discovery/python_distributions.h"
#include "kernels/provisioner_aware_kernel_manager.h"
#include "kernelspecs/kernel_advice.h"
#include "plugins/plugin_host.h"

namespace nextgen_kernels {
namespace {

constexpr std::string_view class_options_trait = "KernelClientRegistry.class_options";
constexpr std::string_view is_python = "its class is Python, and this build hosts no Python classes";
constexpr std::string_view is_unknown =
    "no plugin that was found brings it, and this build hosts no Python classes";

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
                                                           const Environment& environment,
                                                           const std::filesystem::path& trial_program) {
  std::unique_ptr<KernelCatalog> catalog(new KernelCatalog(options, paths, environment, trial_program));
  if (auto ready = catalog->set_up(options); !ready) return std::unexpected(ready.error());
  return catalog;
}

KernelCatalog::KernelCatalog(const ServerOptions& options, const JupyterPaths& paths,
                             const Environment& environment, const std::filesystem::path& trial_program)
    : default_kernel_name_(to_lower(options.default_kernel_name)),
      provisioners_(options.default_provisioner_name, environment),
      discovery_(discover(discovery_paths(options, paths))),
      loader_(discovery_.plugins, plugin_host(), registrar_, trial_program),
      specs_(std::make_unique<KernelSpecManager>(KernelSpecManagerOptions{
          .data_path = paths.data_path,
          .allowed_kernelspecs = {options.allowed_kernelspecs.begin(), options.allowed_kernelspecs.end()},
          .ensure_native_kernel = options.ensure_native_kernel,
          .python_prefixes = paths.environment_prefixes,
          .check_availability = [this](const KernelSpec& spec) { return check_availability(spec); }})) {}

Result<void> KernelCatalog::set_up(const ServerOptions& options) {
  if (auto registered = register_builtin_classes(registry_, provisioners_); !registered) return registered;
  add_packages();
  if (auto applied = apply_configuration(options); !applied) return applied;
  load_at_start();
  mark_what_cannot_be_made();
  return {};
}

void KernelCatalog::add_packages() {
  for (const auto& plugin : discovery_.plugins) {
    for (const auto& error : registry_.define_classes(plugin.manifest.class_declarations()))
      if (error.code == ErrorCode::already_exists)  // Of the others the registry itself keeps a problem.
        refused_.push_back({plugin.manifest.file.native(), plugin.manifest.describe(), error.message});
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
  } else if (!options.fallback_client_is_default) {
    const auto fallback = ClassReference::parse(options.fallback_client_class);
    if (!fallback)
      return make_error(fallback.error().code, "KernelClientRegistry.fallback_client_class: {}",
                        fallback.error().message);
    if (const auto set = registry_.set_fallback_client(*fallback, Precedence::configuration); !set)
      return make_error(set.error().code, "KernelClientRegistry.fallback_client_class: {}",
                        set.error().message);
  }
  auto conditional = parse_client_mappings(options.conditional_client_mappings.objects,
                                           "KernelClientRegistry.conditional_client_mappings");
  if (!conditional) return std::unexpected(conditional.error());
  registry_.apply_config_mappings(
      {options.provisioner_client_mappings.begin(), options.provisioner_client_mappings.end()},
      *std::move(conditional));
  return take_class_options(options);
}

Result<void> KernelCatalog::take_class_options(const ServerOptions& options) {
  auto configured = parse_class_options(options.class_options.objects, std::string(class_options_trait));
  if (!configured) return std::unexpected(configured.error());
  for (auto& [reference, values] : *configured) {
    const auto& meant = registry_.classes()->canonical(reference);
    const auto* const declared = loader_.find(meant).declared;
    const auto refuse = [&](std::string_view why) {
      refused_.push_back({reference.to_string(), std::string(class_options_trait), std::string(why)});
    };
    if (declared == nullptr)
      refuse(is_builtin_class(meant) ? "this class of the program takes no options there"
                                     : "no plugin that was found brings this class");
    else if (declared->kind == PluginClassKind::provisioner)
      refuse("this is a provisioner: kernel specs give its options, in metadata.kernel_provisioner.config");
    else
      class_options_[meant].update(values);
  }
  for (const auto& plugin : discovery_.plugins)
    for (const auto& one : plugin.manifest.classes)
      if (one.kind == PluginClassKind::listener)
        if (const auto fits = class_options(one); !fits)
          set_class_problem(one.reference, fits.error().message);
  return {};
}

Result<nlohmann::json> KernelCatalog::class_options(const PluginClass& declared) const {
  const auto configured = class_options_.find(declared.reference);
  const auto values = configured == class_options_.end() ? nlohmann::json::object() : configured->second;
  const auto name = declared.reference.to_string();
  if (const auto fits = check_options({name, class_options_trait}, declared.options, values); !fits)
    return std::unexpected(fits.error());
  return complete_options(declared.options, values);
}

Result<nlohmann::json> KernelCatalog::class_options(const ClassReference& reference) const {
  const auto* const declared = loader_.find(reference).declared;
  return declared == nullptr ? nlohmann::json::object() : class_options(*declared);
}

void KernelCatalog::mark_what_cannot_be_made() {
  // Said now, so that a kernel of such a class is refused in these words and gets no other client instead.
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
  const auto [plugin, declared] = loader_.find(reference);
  if (plugin == nullptr) return std::string(otherwise);
  if (!plugin->unusable.empty())
    return fmt::format("it is of {}: {}", plugin->manifest.describe(), plugin->unusable);
  if (declared->kind == PluginClassKind::provisioner) return {};  // Each kernel spec has its own.
  const auto options = class_options(*declared);
  return options ? std::string() : options.error().message;
}

std::vector<const PluginClass*> KernelCatalog::listeners_for(const std::string& kernel_name) const {
  std::vector<const PluginClass*> listeners;
  for (const auto& plugin : discovery_.plugins)
    for (const auto& one : plugin.manifest.classes) {
      const bool is_meant = one.kernel_names.empty() ||
                            std::ranges::find(one.kernel_names, kernel_name) != one.kernel_names.end();
      if (one.kind == PluginClassKind::listener && is_meant) listeners.push_back(&one);
    }
  return listeners;
}

Result<KernelCatalog::SelectedProvisioner> KernelCatalog::select_provisioner(const KernelSpec& spec) const {
  const auto named = provisioners_.find(spec.provisioner.name);
  if (!named) return std::unexpected(named.error());
  SelectedProvisioner selected{named->provisioner, nlohmann::json::object()};
  if (is_builtin_class(named->provisioner)) {
    const auto fits = check_options({named->name, provisioner_options_place},
                                    builtin_provisioner_options(named->provisioner), spec.provisioner.config);
    if (!fits) return std::unexpected(fits.error());
    return selected;
  }
  const auto* const declared = loader_.find(named->provisioner).declared;
  if (declared == nullptr || declared->kind != PluginClassKind::provisioner)
    return make_error(ErrorCode::unavailable,
                      "Provisioner {} ({}) is known by its name only: its class {} cannot be loaded",
                      named->name, named->source, named->provisioner);
  const auto options = provisioner_options(*declared);
  const auto fits = check_options({named->name, provisioner_options_place}, options, spec.provisioner.config);
  if (!fits) return std::unexpected(fits.error());
  selected.options = complete_options(options, spec.provisioner.config);
  return selected;
}

/// Its own, and those of the built-in classes that it extends.
std::vector<PluginOption> KernelCatalog::provisioner_options(const PluginClass& declared) const {
  auto options = declared.options;
  for (const auto& base : registry_.classes()->linearization(declared.reference))
    for (auto& inherited : builtin_provisioner_options(base))
      if (std::ranges::find(options, inherited.name, &PluginOption::name) == options.end())
        options.push_back(std::move(inherited));
  return options;
}

Result<void> KernelCatalog::check_availability(const KernelSpec& spec) {
  forget_failures_of_changed_libraries();
  const auto selected = select_provisioner(spec);
  if (!selected) return std::unexpected(selected.error());
  const auto resolution = registry_.get_client_for_provisioner(selected->reference, kernel_context_of(spec));
  const auto client = client_of(*resolution);
  if (client) return {};
  // A constructor that failed may not fail for the next kernel.
  if (const auto meant = client_meant_by(*resolution); meant) {
    const std::lock_guard lock(class_mutex_);
    if (clients_that_could_not_be_made_.contains(*meant)) return {};
  }
  return std::unexpected(client.error());
}

/// The client that the registry decided on, also when it cannot be used.
std::optional<ClassReference> KernelCatalog::client_meant_by(const Resolution& resolution) const {
  if (resolution.mapping) return resolution.mapping->client;
  if (resolution.client || resolution.matched_by != MatchedBy::fallback) return resolution.client;
  return registry_.fallback_client_class();
}

Result<const nk_class*> KernelCatalog::load_class(const ClassReference& reference, PluginClassKind kind) {
  auto loaded = loader_.load_class(reference, kind);
  if (!loaded) note_load_failure(reference, loaded.error().message);
  return loaded;
}

void KernelCatalog::note_load_failure(const ClassReference& reference, const std::string& failure) {
  const auto [plugin, declared] = loader_.find(reference);
  if (declared == nullptr) return;
  {
    const std::lock_guard lock(class_mutex_);
    failed_loads_.insert_or_assign(reference, stamp_of(plugin->manifest.library).value_or(FileStamp{}));
  }
  switch (declared->kind) {
    case PluginClassKind::provisioner:
      return provisioners_.set_unavailable(reference, failure);
    case PluginClassKind::client:
      return registry_.mark_failed(reference, failure);
    case PluginClassKind::listener:
      return set_class_problem(reference, failure);
  }
}

void KernelCatalog::forget_failures_of_changed_libraries() {
  std::vector<ClassReference> changed;
  {
    const std::lock_guard lock(class_mutex_);
    std::erase_if(failed_loads_, [&](const auto& failed) {
      const auto& [reference, stamp] = failed;
      const auto now = stamp_of(loader_.find(reference).plugin->manifest.library).value_or(FileStamp{});
      if (now.unchanged_since(stamp)) return false;
      changed.push_back(reference);
      return true;
    });
  }
  for (const auto& reference : changed) {
    provisioners_.set_unavailable(reference, why_not_made(reference, {}));
    registry_.reset_load_state(reference);
    set_class_problem(reference, {});
  }
}

void KernelCatalog::set_class_problem(const ClassReference& reference, const std::string& failure) {
  const std::lock_guard lock(class_mutex_);
  const auto name = reference.to_string();
  if (failure.empty()) {
    class_problems_.erase(name);
    return;
  }
  const auto* const plugin = loader_.find(reference).plugin;
  class_problems_.insert_or_assign(
      name, RegistryProblem{name, plugin == nullptr ? std::string() : plugin->manifest.describe(), failure});
}

void KernelCatalog::prepare_classes(const KernelSpec& spec) {
  forget_failures_of_changed_libraries();
  const auto selected = select_provisioner(spec);
  if (!selected) return;  // Said when its object is made.
  if (!is_builtin_class(selected->reference))
    static_cast<void>(load_class(selected->reference, PluginClassKind::provisioner));
  const auto resolution = registry_.get_client_for_provisioner(selected->reference, kernel_context_of(spec));
  const auto client = client_meant_by(*resolution);
  if (!client || is_builtin_class(*client)) return;
  {
    const std::lock_guard lock(class_mutex_);
    if (clients_that_could_not_be_made_.erase(*client) > 0) registry_.reset_load_state(*client);
  }
  if (loader_.find(*client).plugin != nullptr)
    static_cast<void>(load_class(*client, PluginClassKind::client));
}

void KernelCatalog::note_object(const ClassReference& reference, const std::string& failure) {
  const auto* const declared = loader_.find(reference).declared;
  if (declared == nullptr || declared->kind != PluginClassKind::client) {
    if (!failure.empty()) log_error("{}", failure);
    return set_class_problem(reference, failure);
  }
  if (failure.empty()) return registry_.mark_loaded(reference);
  const std::lock_guard lock(class_mutex_);
  clients_that_could_not_be_made_.insert(reference);
  registry_.mark_failed(reference, failure);
}

void KernelCatalog::load_at_start() {
  // What is registered later, by a library that a kernel needs, is looked at then.
  for (const auto kind : {RegistryEventKind::registered, RegistryEventKind::replaced})
    registry_callbacks_.push_back(registry_.add_callback(kind, [this](const RegistryEvent& event) {
      registry_.set_unavailable(event.mapping->client, why_not_made(event.mapping->client, is_unknown));
    }));
  load_problems_ = loader_.load_at_start();
  for (const auto& problem : load_problems_) log_warning("{}", problem.message);
}

void KernelCatalog::load_plugins() {
  load_problems_ = loader_.load_all();
}

/// Mappings of packages that never count, because this program has one of its own for the class.
std::vector<RegistryProblem> KernelCatalog::overruled_entry_points() const {
  std::vector<RegistryProblem> found;
  const auto mappings = registry_.registered_mappings();
  for (const auto& info : mappings) {
    const auto& mapping = info.mapping;
    if (mapping->precedence != Precedence::entry_point) continue;
    const auto stronger = std::ranges::find_if(mappings, [&mapping](const MappingInfo& other) {
      return other.mapping->precedence == Precedence::programmatic &&
             other.mapping->provisioner == mapping->provisioner && other.mapping->options.criteria.empty();
    });
    const bool is_said_again = std::ranges::any_of(mappings, [&mapping](const MappingInfo& other) {
      return other.mapping->precedence == Precedence::configuration &&
             other.mapping->provisioner == mapping->provisioner && other.mapping->client == mapping->client;
    });
    if (stronger == mappings.end() || stronger->mapping->client == mapping->client || is_said_again) continue;
    found.push_back(
        {mapping->provisioner.to_string(), mapping->describe_source(),
         fmt::format("its mapping to {} is not used, because that to {} ({}) goes before: say it in "
                     "KernelClientRegistry.provisioner_client_mappings",
                     mapping->client, stronger->mapping->client, stronger->mapping->describe_source())});
  }
  return found;
}

std::vector<RegistryProblem> KernelCatalog::problems() const {
  auto found = discovery_.problems;
  std::ranges::copy(refused_, std::back_inserter(found));
  std::ranges::copy(load_problems_, std::back_inserter(found));
  std::ranges::move(registrar_.problems(), std::back_inserter(found));
  std::ranges::move(registry_.problems(), std::back_inserter(found));
  for (const auto& conflict : registry_.conflicts())
    found.push_back(
        {conflict.used->provisioner.to_string(), conflict.used->describe_source(), conflict.message});
  std::ranges::move(overruled_entry_points(), std::back_inserter(found));
  for (const auto& conflict : provisioners_.conflicts())
    found.push_back({conflict.unused.name, conflict.unused.source, conflict.message});
  for (const auto& named : provisioners_.provisioners())
    if (!named.unavailable.empty())
      found.push_back(
          {named.name, named.source,
           fmt::format("provisioner {} cannot be used: {}", named.provisioner, named.unavailable)});
  {
    const std::lock_guard lock(class_mutex_);
    for (const auto& [name, problem] : class_problems_) found.push_back(problem);
  }
  const auto specs = specs_->list();
  if (const auto advice = advise_without_kernels(specs, specs_->python_prefixes()))
    found.push_back({"kernel specs", "", advice->to_line()});
  // python3 is the default of the default: nobody has asked for it.
  const auto default_kernel = choose_default_kernel(specs, default_kernel_name_);
  if (default_kernel_name_ != native_kernel_name && default_kernel != default_kernel_name_) {
    found.push_back(
        {"MappingKernelManager.default_kernel_name", "configuration",
         fmt::format("kernel spec {} cannot be used; kernels that are asked for without a name are "
                     "of {} instead",
                     default_kernel_name_, default_kernel)});
  }
  for (const auto& entry : specs)
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
