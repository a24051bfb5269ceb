#include "registry/text_mapping.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/log.h"

namespace nextgen_kernels {
namespace {

using Events = std::vector<RegistryEvent>;
using Mappings = std::vector<std::shared_ptr<const Mapping>>;

Result<Mapping> parse(const TextMapping& text, Precedence precedence, const RegistryState& state) {
  auto provisioner = ClassReference::parse(text.provisioner);
  if (!provisioner) return std::unexpected(provisioner.error());
  auto client = ClassReference::parse(text.client);
  if (!client) return std::unexpected(client.error());
  Mapping mapping{.id = {},
                  .provisioner = *std::move(provisioner),
                  .client = *std::move(client),
                  .precedence = precedence,
                  .options = text.options};
  state.use_aliases(mapping);
  if (auto error = state.wrong_kind(mapping)) return std::unexpected(*std::move(error));
  mapping.refusal = state.incompatibility(mapping, mapping.provisioner).value_or("");
  return mapping;
}

Mappings take_mappings(RegistryState& state, Precedence precedence) {
  Mappings taken;
  std::erase_if(state.mappings, [&](const std::shared_ptr<const Mapping>& mapping) {
    if (mapping->precedence != precedence) return false;
    taken.push_back(mapping);
    return true;
  });
  return taken;
}

/// Takes the mapping out of `mappings` that says the same as a new one; null when none does.
std::shared_ptr<const Mapping> take_same(Mappings& mappings, const Mapping& wanted) {
  const auto found = std::ranges::find_if(mappings, [&](const auto& mapping) {
    return mapping->provisioner == wanted.provisioner && mapping->client == wanted.client &&
           mapping->provisioner_alias == wanted.provisioner_alias &&
           mapping->client_alias == wanted.client_alias && mapping->options == wanted.options &&
           mapping->refusal == wanted.refusal;
  });
  if (found == mappings.end()) return nullptr;
  auto same = std::move(*found);
  mappings.erase(found);
  return same;
}

/// Adds what became of the mappings that ended: replaced by a new one in the same place, or removed.
void add_ends(Events& events, const Mappings& ended) {
  for (const auto& mapping : ended) {
    const auto heir = std::ranges::find_if(events, [&](const RegistryEvent& event) {
      return event.kind == RegistryEventKind::registered && same_place(*event.mapping, *mapping);
    });
    if (heir == events.end()) {
      events.push_back({.kind = RegistryEventKind::removed, .mapping = mapping});
    } else {
      heir->kind = RegistryEventKind::replaced;
      heir->previous = mapping;
    }
  }
}

}  // namespace

std::vector<Error> replace_all_mappings(RegistryCore& core, Precedence precedence,
                                        const std::vector<TextMapping>& texts) {
  const auto errors = core.change([&](RegistryState& state, Events& events) {
    std::vector<Error> found;
    auto old_mappings = take_mappings(state, precedence);
    auto& refused = state.refused_input[precedence];
    refused.clear();
    for (const auto& text : texts) {
      auto mapping = parse(text, precedence, state);
      if (!mapping) {
        refused.push_back({text.provisioner, text.options.source, mapping.error().message});
        found.push_back(
            {mapping.error().code, fmt::format("{:?} = {:?} ({}) is not used: {}", text.provisioner,
                                               text.client, text.options.source, mapping.error().message)});
        continue;
      }
      if (!mapping->refusal.empty())
        found.push_back(
            {ErrorCode::invalid_argument, fmt::format("{} ({}) cannot be used: {}", mapping->provisioner,
                                                      text.options.source, mapping->refusal)});
      if (auto same = take_same(old_mappings, *mapping)) {
        state.mappings.push_back(std::move(same));
        continue;
      }
      mapping->id = MappingId{core.next_id()};
      state.mappings.push_back(std::make_shared<const Mapping>(*std::move(mapping)));
      events.push_back({.kind = RegistryEventKind::registered, .mapping = state.mappings.back()});
    }
    add_ends(events, old_mappings);
    for (const auto& event : events)
      if (event.kind != RegistryEventKind::removed)
        log_debug("KernelClientRegistry: {} is mapped to {} ({})", event.mapping->provisioner,
                  event.mapping->client, event.mapping->describe_source());
    return found;
  });
  for (const auto& error : errors) log_warning("KernelClientRegistry: {}", error.message);
  for (const auto& conflict :
       core.read([](const RegistrySnapshot& snapshot) { return snapshot.conflicts(); }))
    if (conflict.used->precedence == precedence) log_warning("KernelClientRegistry: {}", conflict.message);
  return errors;
}

}  // namespace nextgen_kernels
