#include "registry/kernel_client_registry.h"

#include <algorithm>
#include <exception>
#include <mutex>

#include "base/log.h"
#include "registry/registry_core.h"
#include "registry/text_mapping.h"

namespace nextgen_kernels {
namespace {

using Events = std::vector<RegistryEvent>;
using MappingPointer = std::shared_ptr<const Mapping>;

/// A copy that does not itself remember what it replaced, so that replacing forever needs no memory.
MappingPointer without_history(const Mapping& mapping) {
  auto copy = std::make_shared<Mapping>(mapping);
  copy->replaced = nullptr;
  return copy;
}

void log_mapping(const Mapping& mapping) {
  log_debug("KernelClientRegistry: {} is mapped to {} ({})", mapping.provisioner, mapping.client,
            mapping.describe_source());
}

RegistryState initial_state() {
  RegistryState state;
  state.fallback = {.client = default_fallback_client, .source = "default"};
  return state;
}

}  // namespace

Registration& Registration::operator=(Registration&& other) noexcept {
  if (this == &other) return *this;
  end();
  core_ = std::move(other.core_);
  id_ = other.id_;
  return *this;
}

void Registration::end() {
  if (const auto core = std::exchange(core_, {}).lock())
    core->remove_mappings([this](const Mapping& mapping) { return mapping.id == id_; });
}

CallbackRegistration& CallbackRegistration::operator=(CallbackRegistration&& other) noexcept {
  if (this == &other) return *this;
  end();
  core_ = std::move(other.core_);
  id_ = other.id_;
  return *this;
}

void CallbackRegistration::end() {
  if (const auto core = std::exchange(core_, {}).lock()) core->remove_callback(id_);
}

KernelClientRegistry::KernelClientRegistry() : core_(std::make_shared<RegistryCore>(initial_state())) {}
KernelClientRegistry::~KernelClientRegistry() = default;

std::vector<Error> KernelClientRegistry::define_classes(std::vector<ClassDeclaration> declarations) {
  return core_->change([&](RegistryState& state, Events&) {
    auto classes = std::make_shared<ClassTable>(*state.classes);
    std::vector<Error> errors;
    for (auto& declaration : declarations)
      if (auto defined = classes->define(std::move(declaration)); !defined) errors.push_back(defined.error());
    for (const auto& error : errors) log_error("KernelClientRegistry: {}", error.message);
    // A declaration can also take the order from a class that was declared before and derives from it.
    for (const auto& problem : classes->problems())
      if (!state.classes->problem(problem.reference) &&
          std::ranges::find(errors, problem.message, &Error::message) == errors.end())
        log_error("KernelClientRegistry: {}", problem.message);
    state.classes = std::move(classes);
    state.use_aliases();
    return errors;
  });
}

Result<void> KernelClientRegistry::define_class(ClassDeclaration declaration) {
  auto errors = define_classes({std::move(declaration)});
  if (!errors.empty()) return std::unexpected(std::move(errors.front()));
  return {};
}

std::shared_ptr<const ClassTable> KernelClientRegistry::classes() const {
  return core_->read([](const RegistrySnapshot& snapshot) { return snapshot.state().classes; });
}

Result<MappingId> KernelClientRegistry::register_client(const ClassReference& provisioner,
                                                        const ClassReference& client,
                                                        MappingOptions options) {
  return core_->change([&](RegistryState& state, Events& events) -> Result<MappingId> {
    Mapping mapping{.id = MappingId{core_->next_id()},
                    .provisioner = provisioner,
                    .client = client,
                    .precedence = Precedence::programmatic,
                    .options = std::move(options)};
    state.use_aliases(mapping);
    if (auto error = state.wrong_kind(mapping)) return std::unexpected(*std::move(error));
    if (const auto mismatch = state.incompatibility(mapping, mapping.provisioner))
      return make_error(ErrorCode::invalid_argument, "{} cannot be mapped to {} ({}): {}", provisioner,
                        client, mapping.describe_source(), *mismatch);

    RegistryEvent event{.kind = RegistryEventKind::registered};
    const auto old = std::ranges::find_if(
        state.mappings, [&](const MappingPointer& other) { return same_place(*other, mapping); });
    if (old != state.mappings.end()) {
      event.kind = RegistryEventKind::replaced;
      event.previous = *old;
      if ((*old)->client != mapping.client) {
        mapping.replaced = without_history(**old);
        log_warning("KernelClientRegistry: {} is now mapped to {} ({}), replacing {} ({})",
                    mapping.provisioner, mapping.client, mapping.describe_source(), (*old)->client,
                    (*old)->describe_source());
      }
      state.mappings.erase(old);
    }
    for (const auto& rival : state.mappings)
      if (conflicting(*rival, mapping))
        log_warning(
            "KernelClientRegistry: {} is mapped to {} ({}) and to {} ({}) for some of the same kernels; the "
            "later registration is used for these",
            mapping.provisioner, rival->client, rival->describe_source(), mapping.client,
            mapping.describe_source());
    if (!mapping.replaced) log_mapping(mapping);
    const auto id = mapping.id;
    event.mapping = std::make_shared<const Mapping>(std::move(mapping));
    state.mappings.push_back(event.mapping);
    events.push_back(std::move(event));
    return id;
  });
}

Result<MappingId> KernelClientRegistry::register_from_string(std::string_view provisioner,
                                                             std::string_view client,
                                                             MappingOptions options) {
  const auto provisioner_class = ClassReference::parse(provisioner);
  if (!provisioner_class) return std::unexpected(provisioner_class.error());
  const auto client_class = ClassReference::parse(client);
  if (!client_class) return std::unexpected(client_class.error());
  return register_client(*provisioner_class, *client_class, std::move(options));
}

Result<Registration> KernelClientRegistry::register_scoped(const ClassReference& provisioner,
                                                           const ClassReference& client,
                                                           MappingOptions options) {
  const auto id = register_client(provisioner, client, std::move(options));
  if (!id) return std::unexpected(id.error());
  return Registration(core_, *id);
}

Result<void> KernelClientRegistry::unregister(MappingId id) {
  if (core_->remove_mappings([&](const Mapping& mapping) { return mapping.id == id; }) > 0) return {};
  return make_error(ErrorCode::not_found,
                    "There is no mapping {}; it may have been replaced or removed already",
                    std::to_underlying(id));
}

std::size_t KernelClientRegistry::unregister(const ClassReference& provisioner) {
  const auto meant = classes()->canonical(provisioner);
  return core_->remove_mappings([&](const Mapping& mapping) {
    return mapping.precedence == Precedence::programmatic && mapping.provisioner == meant;
  });
}

std::vector<Error> KernelClientRegistry::auto_discover_registrations(
    std::span<const EntryPoint> entry_points) {
  std::vector<TextMapping> texts;
  texts.reserve(entry_points.size());
  for (const auto& entry_point : entry_points)
    texts.push_back({entry_point.name, entry_point.value,
                     MappingOptions{.criteria = entry_point.criteria,
                                    .priority = entry_point.priority,
                                    .source = entry_point.describe_source()}});
  return replace_all_mappings(*core_, Precedence::entry_point, texts);
}

std::vector<Error> KernelClientRegistry::apply_config_mappings(
    const StringMappings& provisioner_client_mappings, std::vector<TextMapping> conditional_client_mappings) {
  auto texts = std::move(conditional_client_mappings);
  for (const auto& [provisioner, client] : provisioner_client_mappings)
    texts.push_back(
        {provisioner, client, MappingOptions{.source = "KernelClientRegistry.provisioner_client_mappings"}});
  return replace_all_mappings(*core_, Precedence::configuration, texts);
}

std::shared_ptr<const Resolution> KernelClientRegistry::get_client_for_provisioner(
    const ClassReference& provisioner) const {
  static const KernelContext unknown_kernel;
  return get_client_for_provisioner(provisioner, unknown_kernel);
}

std::shared_ptr<const Resolution> KernelClientRegistry::get_client_for_provisioner(
    const ClassReference& provisioner, const KernelContext& context) const {
  bool somebody_listens = false;
  auto resolution = core_->read([&](const RegistrySnapshot& snapshot) {
    somebody_listens = !snapshot.state().callbacks->empty();
    return snapshot.resolve(provisioner, context);
  });
  if (somebody_listens) core_->call({.kind = RegistryEventKind::resolved, .resolution = resolution});
  return resolution;
}

void KernelClientRegistry::set_entry_point_provider(EntryPointProvider provider) {
  core_->change(
      [&](RegistryState& state, Events&) { return std::exchange(state.entry_points, std::move(provider)); });
}

std::vector<Error> KernelClientRegistry::auto_discover_registrations() {
  const auto provider =
      core_->read([](const RegistrySnapshot& snapshot) { return snapshot.state().entry_points; });
  if (!provider) return {};
  std::vector<EntryPoint> found;
  try {
    found = provider();
  } catch (const std::exception& exception) {
    Error error{ErrorCode::internal, fmt::format("Discovery of entry points failed: {}", exception.what())};
    log_error("KernelClientRegistry: {}", error.message);
    return {std::move(error)};
  }
  return auto_discover_registrations(found);
}

Result<void> KernelClientRegistry::set_fallback_client(const ClassReference& client, Precedence precedence) {
  const auto used = core_->change([&](RegistryState& state, Events&) -> Result<RegistryState::Fallback> {
    if (const auto complaint = state.classes->wrong_kind(client, ClassKind::client))
      return make_error(ErrorCode::invalid_argument, "{}; the fallback client serves kernels", *complaint);
    auto& slot = precedence == Precedence::configuration ? state.configured_fallback : state.fallback;
    slot = {.client = state.classes->canonical(client), .source = std::string(to_string(precedence))};
    return *state.effective_fallback();
  });
  if (!used) return std::unexpected(used.error());
  if (used->client == classes()->canonical(client))
    log_debug("KernelClientRegistry: the fallback client is {} ({})", client, to_string(precedence));
  else
    log_warning("KernelClientRegistry: the fallback client stays {} ({}); {} ({}) is not used", used->client,
                used->source, client, to_string(precedence));
  return {};
}

void KernelClientRegistry::remove_fallback_client(Precedence precedence) {
  core_->change([&](RegistryState& state, Events&) {
    auto& slot = precedence == Precedence::configuration ? state.configured_fallback : state.fallback;
    return std::exchange(slot, std::nullopt);
  });
}

std::optional<ClassReference> KernelClientRegistry::fallback_client_class() const {
  return core_->read([](const RegistrySnapshot& snapshot) -> std::optional<ClassReference> {
    const auto& fallback = snapshot.state().effective_fallback();
    return fallback ? std::optional(fallback->client) : std::nullopt;
  });
}

void KernelClientRegistry::mark_loaded(const ClassReference& client) {
  const bool known = core_->read([&](const RegistrySnapshot& snapshot) {
    const auto state = snapshot.state().load_states.find(snapshot.state().classes->canonical(client));
    return state != snapshot.state().load_states.end() && state->second.loaded;
  });
  if (known) return;  // A change would forget the answers that are kept.
  core_->change([&](RegistryState& state, Events&) {
    return state.load_states
        .insert_or_assign(state.classes->canonical(client), RegistryState::LoadState{.loaded = true})
        .second;
  });
}

void KernelClientRegistry::mark_failed(const ClassReference& client, std::string_view reason) {
  core_->change([&](RegistryState& state, Events&) {
    const RegistryState::LoadState failed{.loaded = false, .failure = std::string(reason)};
    return state.load_states.insert_or_assign(state.classes->canonical(client), failed).second;
  });
  log_error("KernelClientRegistry: client {} failed to load: {}", client, reason);
}

void KernelClientRegistry::reset_load_state(const ClassReference& client) {
  core_->change([&](RegistryState& state, Events&) {
    return state.load_states.erase(state.classes->canonical(client));
  });
}

void KernelClientRegistry::set_unavailable(const ClassReference& client, std::string_view reason) {
  core_->change([&](RegistryState& state, Events&) {
    const auto& meant = state.classes->canonical(client);
    if (reason.empty()) return state.unavailable.erase(meant) > 0;
    return state.unavailable.insert_or_assign(meant, reason).second;
  });
}

CallbackRegistration KernelClientRegistry::add_callback(RegistryEventKind kind, RegistryCallback callback) {
  const auto id = core_->next_id();
  core_->change([&](RegistryState& state, Events&) {
    auto callbacks = std::make_shared<RegistryState::Callbacks>(*state.callbacks);
    callbacks->push_back(std::make_shared<const RegistryState::Callback>(
        RegistryState::Callback{id, kind, std::move(callback)}));
    state.callbacks = std::move(callbacks);
    return id;
  });
  return CallbackRegistration(core_, id);
}

void KernelClientRegistry::clear_registry() {
  core_->change([](RegistryState& state, Events& events) {
    for (const auto& mapping : state.mappings)
      events.push_back({.kind = RegistryEventKind::removed, .mapping = mapping});
    auto cleared = initial_state();
    cleared.classes = state.classes;
    cleared.callbacks = state.callbacks;
    cleared.entry_points = state.entry_points;
    state = std::move(cleared);
    return events.size();
  });
}

KernelClientRegistry::StringMappings KernelClientRegistry::get_registered_mappings() const {
  return core_->read([](const RegistrySnapshot& snapshot) {
    StringMappings mappings;
    for (const auto& mapping : snapshot.first_mappings())
      mappings.emplace(mapping->provisioner.to_string(), mapping->client.to_string());
    return mappings;
  });
}

std::vector<MappingInfo> KernelClientRegistry::registered_mappings() const {
  return core_->read([](const RegistrySnapshot& snapshot) { return snapshot.mapping_infos(); });
}

std::vector<MappingConflict> KernelClientRegistry::conflicts() const {
  return core_->read([](const RegistrySnapshot& snapshot) { return snapshot.conflicts(); });
}

std::vector<RegistryProblem> KernelClientRegistry::problems() const {
  return core_->read([](const RegistrySnapshot& snapshot) { return snapshot.problems(); });
}

}  // namespace nextgen_kernels
