#include "app/kernel_classes.h"

#include <type_traits>
#include <utility>

#include "plugins/plugin_kernel_client.h"
#include "plugins/plugin_provisioner.h"

namespace nextgen_kernels {
namespace {

/// What every object of a plugin learns of its kernel.
nlohmann::json about(const std::string& kernel_id, const KernelSpec& spec, const std::string& username) {
  return {{"kernel_id", kernel_id},
          {"kernel_name", spec.name},
          {"language", spec.language},
          {"kernel_spec", spec.to_json()},
          {"username", username}};
}

}  // namespace

KernelClasses::KernelClasses(KernelCatalog& catalog, BuiltinClassSettings settings)
    : catalog_(catalog), settings_(std::move(settings)) {
  base_makers_.make_provisioner = [base_settings = settings_](std::string_view reference,
                                                              const Executor& executor, Handover handover,
                                                              PrepareProcess prepare) {
    auto settings_of_it = base_settings;
    // Kernels that nobody could find end with this server.
    if (handover == Handover::impossible) settings_of_it.local_provisioner.lifetime = ChildLifetime::ours;
    return make_builtin_provisioner(reference, executor, settings_of_it, std::move(prepare));
  };
  base_makers_.make_client = [base_settings = settings_](std::string_view reference, MessageSink& sink,
                                                         const Executor& executor) {
    return make_builtin_client(reference, sink, executor, base_settings);
  };
}

KernelFactories KernelClasses::factories_for(const KernelLaunch& launch) {
  const auto known = about(launch.kernel_id, launch.spec, launch.username());
  KernelFactories factories;
  factories.prepare = [this](KernelSpec spec) -> Task<void> {
    // A lambda's captures end with it; the coroutine gets what it needs as parameters.
    return [](KernelClasses* self, KernelSpec of) -> Task<void> {
      co_await self->loading_.run([self, spec_of_kernel = std::move(of)] {
        self->catalog_.prepare_classes(spec_of_kernel);
        return true;
      });
    }(this, std::move(spec));
  };
  factories.make_provisioner = [this, known](const KernelSpec& spec, const Executor& executor) {
    return make_provisioner(spec, known, executor);
  };
  factories.make_client = [this, known](const std::string& client_class, Conversation& conversation,
                                        const Executor& executor) {
    return make_client(client_class, known, conversation, executor);
  };
  return factories;
}

template <typename Interface, typename Adapter>
Result<std::unique_ptr<Interface>> KernelClasses::make_plugin_object(const ClassReference& reference,
                                                                     const nlohmann::json& about_it,
                                                                     MessageSink* sink,
                                                                     const Executor& executor) {
  constexpr auto kind =
      std::is_same_v<Interface, KernelProvisioner> ? PluginClassKind::provisioner : PluginClassKind::client;
  const auto loaded = catalog_.load_class(reference, kind);
  if (!loaded) return std::unexpected(loaded.error());
  auto object = Adapter::Object::make(**loaded, std::make_unique<PluginContext>(executor, base_makers_, sink),
                                      about_it);
  catalog_.note_object(reference, object ? std::string() : object.error().message);
  if (!object) return std::unexpected(object.error());
  return std::make_unique<Adapter>(reference.to_string(), *std::move(object));
}

Result<std::unique_ptr<KernelProvisioner>> KernelClasses::make_provisioner(const KernelSpec& spec,
                                                                           const nlohmann::json& known,
                                                                           const Executor& executor) {
  const auto selected = catalog_.select_provisioner(spec);
  if (!selected) return std::unexpected(selected.error());
  if (is_builtin_class(selected->reference))
    return make_builtin_provisioner(selected->reference.to_string(), executor, settings_, {});
  auto with_options = known;
  with_options["options"] = selected->options;
  return make_plugin_object<KernelProvisioner, PluginProvisioner>(selected->reference, with_options, nullptr,
                                                                  executor);
}

Result<std::unique_ptr<KernelClient>> KernelClasses::make_client(const std::string& client_class,
                                                                 const nlohmann::json& known,
                                                                 MessageSink& sink,
                                                                 const Executor& executor) {
  const auto reference = ClassReference::parse(client_class);
  if (!reference) return std::unexpected(reference.error());
  if (is_builtin_class(*reference)) return make_builtin_client(client_class, sink, executor, settings_);
  const auto options = catalog_.class_options(*reference);
  if (!options) return std::unexpected(options.error());
  auto with_options = known;
  with_options["options"] = *options;
  return make_plugin_object<KernelClient, PluginKernelClient>(*reference, with_options, &sink, executor);
}

void KernelClasses::attach_listeners(const KernelManager& kernel, PluginListeners& listeners) {
  for (const auto* declared : catalog_.listeners_for(kernel.kernel_spec().name)) {
    const auto reference = declared->reference;
    const auto options = catalog_.class_options(*declared);
    if (!options) continue;  // A problem already.
    auto known = about(kernel.kernel_id(), kernel.kernel_spec(), kernel.username());
    known["options"] = *options;
    listeners.attach(
        kernel.conversation(),
        {.class_reference = reference.to_string(),
         .about = std::move(known),
         .load_class = [this,
                        reference] { return catalog_.load_class(reference, PluginClassKind::listener); },
         .report = [this,
                    reference](const std::string& failure) { catalog_.note_object(reference, failure); }});
  }
}

}  // namespace nextgen_kernels
