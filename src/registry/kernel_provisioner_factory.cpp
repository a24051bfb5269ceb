#include "registry/kernel_provisioner_factory.h"

#include <algorithm>
#include <ranges>
#include <utility>

#include "base/log.h"
#include "base/strings.h"

namespace nextgen_kernels {
namespace {

Result<NamedProvisioner> read_entry_point(const EntryPoint& entry_point, const ClassTable& classes) {
  const auto reference = ClassReference::parse(entry_point.value);
  if (!reference) return std::unexpected(reference.error());
  if (entry_point.name.empty()) return make_error(ErrorCode::invalid_argument, "its name is empty");
  if (auto complaint = classes.wrong_kind(*reference, ClassKind::provisioner))
    return make_error(ErrorCode::invalid_argument, "{}", *complaint);
  const auto& provisioner = classes.canonical(*reference);
  return NamedProvisioner{.name = entry_point.name,
                          .provisioner = provisioner,
                          .kind = ProvisionerSource::discovered,
                          .source = entry_point.describe_source(),
                          .unavailable = {},
                          .alias = provisioner == *reference ? std::nullopt : std::optional(*reference)};
}

}  // namespace

KernelProvisionerFactory::KernelProvisionerFactory(std::string default_provisioner_name,
                                                   const std::map<std::string, std::string>& environment)
    : default_name_(std::move(default_provisioner_name)), state_(std::make_unique<const State>()) {
  if (!default_name_.empty()) return;
  const auto variable = environment.find(std::string(default_name_variable));
  default_name_ = variable != environment.end() && !variable->second.empty()
                      ? variable->second
                      : std::string(standard_provisioner_name);
}

template <typename Function>
auto KernelProvisionerFactory::change(Function&& function) {
  const std::lock_guard lock(change_mutex_);
  auto draft = std::make_unique<State>(state_.read([](const State& state) { return state; }));
  auto result = function(*draft);
  const auto retired = state_.publish(std::move(draft));
  return result;
}

Result<void> KernelProvisionerFactory::add_builtin(std::string_view name, const ClassReference& provisioner) {
  if (name.empty())
    return make_error(ErrorCode::invalid_argument, "The name of provisioner {} is empty", provisioner);
  return change([&](State& state) -> Result<void> {
    const NamedProvisioner added{.name = std::string(name),
                                 .provisioner = provisioner,
                                 .kind = ProvisionerSource::builtin,
                                 .source = "built in",
                                 .unavailable = {}};
    const auto [entry, inserted] = state.builtin.try_emplace(added.name, added);
    if (inserted || entry->second.provisioner == provisioner) return {};
    return make_error(ErrorCode::already_exists, "The name {} already stands for the built-in provisioner {}",
                      name, entry->second.provisioner);
  });
}

std::vector<Error> KernelProvisionerFactory::auto_discover_provisioners(
    std::span<const EntryPoint> entry_points, const ClassTable& classes) {
  std::vector<NamedProvisioner> discovered;
  std::vector<Error> errors;
  for (const auto& entry_point : entry_points) {
    auto named = read_entry_point(entry_point, classes);
    if (named)
      discovered.push_back(*std::move(named));
    else
      errors.push_back(
          {named.error().code, fmt::format("Provisioner {:?} of {} is not used: {}", entry_point.name,
                                           entry_point.describe_source(), named.error().message)});
  }
  const auto conflicts = change([&](State& state) {
    state.discovered = std::move(discovered);
    return state.conflicts();
  });
  for (const auto& error : errors) log_warning("KernelProvisionerFactory: {}", error.message);
  for (const auto& conflict : conflicts) log_warning("KernelProvisionerFactory: {}", conflict.message);
  return errors;
}

void KernelProvisionerFactory::set_unavailable(const ClassReference& provisioner, std::string_view reason) {
  change([&](State& state) {
    if (reason.empty()) return state.unavailable.erase(provisioner) > 0;
    return state.unavailable.insert_or_assign(provisioner, reason).second;
  });
}

Result<NamedProvisioner> KernelProvisionerFactory::find(std::string_view name) const {
  const std::string_view wanted = name.empty() ? std::string_view(default_name_) : name;
  return state_.read([&](const State& state) -> Result<NamedProvisioner> {
    const auto* found = state.find(wanted);
    if (!found) {
      std::vector<std::string> names;
      for (const auto& known : state.used()) names.push_back(known.name);
      const auto meant = closest_match(wanted, names);
      return make_error(
          ErrorCode::not_found, "There is no kernel provisioner {:?}{}. {}{}", replace_invalid_utf8(wanted),
          name.empty() ? ", which is the default" : "",
          names.empty() ? "None is installed" : fmt::format("There are: {}", fmt::join(names, ", ")),
          meant ? fmt::format(". Did you mean {:?}?", *meant) : "");
    }
    auto provisioner = state.with_availability(*found);
    if (provisioner.unavailable.empty()) return provisioner;
    return make_error(ErrorCode::unavailable, "Kernel provisioner {:?} ({}, {}) cannot be used: {}", wanted,
                      provisioner.provisioner, provisioner.source, provisioner.unavailable);
  });
}

std::vector<NamedProvisioner> KernelProvisionerFactory::provisioners() const {
  return state_.read([](const State& state) { return state.used(); });
}

std::vector<ProvisionerNameConflict> KernelProvisionerFactory::conflicts() const {
  return state_.read([](const State& state) { return state.conflicts(); });
}

const NamedProvisioner* KernelProvisionerFactory::State::find(std::string_view name) const {
  if (const auto found = builtin.find(name); found != builtin.end()) return &found->second;
  const auto found = std::ranges::find(discovered, name, &NamedProvisioner::name);
  return found == discovered.end() ? nullptr : &*found;
}

NamedProvisioner KernelProvisionerFactory::State::with_availability(NamedProvisioner provisioner) const {
  if (const auto reason = unavailable.find(provisioner.provisioner); reason != unavailable.end())
    provisioner.unavailable = reason->second;
  return provisioner;
}

std::vector<NamedProvisioner> KernelProvisionerFactory::State::used() const {
  auto by_name = builtin;
  for (const auto& provisioner : discovered) by_name.try_emplace(provisioner.name, provisioner);
  std::vector<NamedProvisioner> all;
  for (const auto& provisioner : by_name | std::views::values) all.push_back(with_availability(provisioner));
  return all;
}

std::vector<ProvisionerNameConflict> KernelProvisionerFactory::State::conflicts() const {
  std::vector<ProvisionerNameConflict> found;
  std::map<std::string_view, const NamedProvisioner*> first;
  for (const auto& [name, provisioner] : builtin) first.emplace(name, &provisioner);
  for (const auto& provisioner : discovered) {
    const auto [entry, is_first] = first.try_emplace(provisioner.name, &provisioner);
    const auto& used = *entry->second;
    if (is_first || used.provisioner == provisioner.provisioner) continue;
    const auto* const rule = used.kind == ProvisionerSource::builtin
                                 ? "nobody can take the name of a built-in one"
                                 : "the first found is used";
    found.push_back({.used = with_availability(used),
                     .unused = with_availability(provisioner),
                     .message = fmt::format("The name {} stands for {} ({}) and for {} ({}): {}",
                                            provisioner.name, used.provisioner, used.source,
                                            provisioner.provisioner, provisioner.source, rule)});
  }
  return found;
}

}  // namespace nextgen_kernels
