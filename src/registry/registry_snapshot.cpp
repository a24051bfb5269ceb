#include "registry/registry_snapshot.h"

#include <algorithm>
#include <cstdint>
#include <ranges>
#include <tuple>
#include <utility>

#include "base/strings.h"

namespace nextgen_kernels {
namespace {

using MappingPointer = std::shared_ptr<const Mapping>;

/// Puts the mappings of one provisioner, given in order of registration, into the order in which they are
/// tried.
void sort_by_use(std::vector<MappingPointer>& mappings) {
  std::unordered_map<const Mapping*, std::int64_t> position;
  for (const auto& mapping : mappings) position.emplace(mapping.get(), std::int64_t(position.size()));
  std::ranges::sort(mappings, std::less{}, [&](const MappingPointer& mapping) {
    const auto& options = mapping->options;
    // The later programmatic registration goes first, and the entry point that was found first.
    const auto place = position.at(mapping.get());
    return std::tuple(mapping->precedence, -std::int64_t{options.priority}, options.criteria.empty(),
                      mapping->precedence == Precedence::programmatic ? -place : place);
  });
}

/// Why `first` goes before `second`, which sort_by_use put behind it.
std::string why_first(const Mapping& first, const Mapping& second) {
  if (first.precedence != second.precedence)
    return fmt::format("{} goes before {}", to_string(first.precedence), to_string(second.precedence));
  if (first.options.priority != second.options.priority)
    return fmt::format("priority {} goes before {}", first.options.priority, second.options.priority);
  if (first.options.criteria.empty() != second.options.criteria.empty())
    return "a mapping for certain kernels goes before one for every kernel";
  return first.precedence == Precedence::programmatic ? "the later registration is used"
                                                      : "the first found is used";
}

std::string describe(const Mapping& mapping) {
  return fmt::format("{}{} is mapped to {}{} ({})", mapping.provisioner,
                     Mapping::describe_alias(mapping.provisioner_alias), mapping.client,
                     Mapping::describe_alias(mapping.client_alias), mapping.describe_source());
}

/// The contracts of the nearest class that states any; null when none does.
template <typename Contract>
const std::vector<Contract>* nearest_contracts(const ClassTable& classes, const ClassReference& reference,
                                               std::vector<Contract> ClassDeclaration::* contracts) {
  for (const auto& candidate : classes.linearization(reference))
    if (const auto* declaration = classes.find(candidate); declaration && !(declaration->*contracts).empty())
      return &(declaration->*contracts);
  return nullptr;
}

template <typename Contract>
std::string join_contracts(const std::vector<Contract>& contracts) {
  std::vector<std::string> texts;
  for (const auto& contract : contracts) texts.push_back(contract.to_string());
  return fmt::format("{}", fmt::join(texts, " or "));
}

}  // namespace

bool same_place(const Mapping& left, const Mapping& right) {
  return left.precedence == right.precedence && left.provisioner == right.provisioner &&
         left.options.priority == right.options.priority && left.options.criteria == right.options.criteria;
}

bool conflicting(const Mapping& left, const Mapping& right) {
  const auto& left_criteria = left.options.criteria;
  const auto& right_criteria = right.options.criteria;
  return left.provisioner == right.provisioner && left.client != right.client &&
         left.precedence == right.precedence && left.options.priority == right.options.priority &&
         left_criteria.empty() == right_criteria.empty() && left_criteria.overlaps(right_criteria);
}

void RegistryState::use_aliases(Mapping& mapping) const {
  const auto use = [this](ClassReference& reference, std::optional<ClassReference>& alias) {
    const auto& canonical = classes->canonical(reference);
    if (canonical == reference) return;
    alias = reference;
    reference = canonical;
  };
  use(mapping.provisioner, mapping.provisioner_alias);
  use(mapping.client, mapping.client_alias);
}

void RegistryState::use_aliases() {
  for (auto& mapping : mappings) {
    if (classes->canonical(mapping->provisioner) == mapping->provisioner &&
        classes->canonical(mapping->client) == mapping->client)
      continue;
    auto changed = std::make_shared<Mapping>(*mapping);
    use_aliases(*changed);
    mapping = std::move(changed);
  }
  for (auto* slot : {&configured_fallback, &fallback})
    if (*slot) (*slot)->client = classes->canonical((*slot)->client);
  for (const auto& alias : classes->aliases()) {
    if (auto known = load_states.extract(alias)) {
      known.key() = classes->canonical(alias);
      load_states.insert(std::move(known));
    }
    if (auto known = unavailable.extract(alias)) {
      known.key() = classes->canonical(alias);
      unavailable.insert(std::move(known));
    }
  }
}

std::optional<Error> RegistryState::wrong_kind(const Mapping& mapping) const {
  auto complaint = classes->wrong_kind(mapping.provisioner, ClassKind::provisioner);
  if (!complaint) complaint = classes->wrong_kind(mapping.client, ClassKind::client);
  if (!complaint) return std::nullopt;
  return Error{ErrorCode::invalid_argument,
               fmt::format("{}; a mapping is from a provisioner to its client", *complaint)};
}

std::optional<std::string> RegistryState::incompatibility(const Mapping& mapping,
                                                          const ClassReference& provisioner) const {
  // They may have been declared after the mapping was registered.
  if (auto error = wrong_kind(mapping)) return std::move(error->message);
  const auto* provisioner_class = classes->find(mapping.provisioner);
  const auto* client_class = classes->find(mapping.client);
  auto understood = mapping.options.provisioner_versions;
  if (!understood && client_class) understood = client_class->provisioner_versions;
  if (understood && provisioner_class && provisioner_class->version &&
      !understood->contains(*provisioner_class->version))
    return fmt::format("client {} understands versions {} of provisioner {}, which is version {}",
                       mapping.client, understood->text(), mapping.provisioner,
                       provisioner_class->version->text());
  return contract_mismatch(mapping.client, provisioner);
}

std::optional<std::string> RegistryState::contract_mismatch(const ClassReference& client,
                                                            const ClassReference& provisioner) const {
  const auto* produced = nearest_contracts(*classes, provisioner, &ClassDeclaration::produces);
  const auto* understood = nearest_contracts(*classes, client, &ClassDeclaration::understands);
  if (!produced || !understood) return std::nullopt;
  for (const auto& contract : *produced)
    if (std::ranges::any_of(*understood, [&](const auto& one) { return one.accepts(contract); }))
      return std::nullopt;
  return fmt::format("provisioner {} produces connection info {}, and client {} understands {}", provisioner,
                     join_contracts(*produced), client, join_contracts(*understood));
}

RegistrySnapshot::RegistrySnapshot(RegistryState state) : state_(std::move(state)) {
  for (const auto& declaration : state_.classes->classes())
    if (declaration->kind == ClassKind::provisioner) nodes_.try_emplace(declaration->reference);
  for (const auto& alias : state_.classes->aliases())
    if (nodes_.contains(state_.classes->canonical(alias))) nodes_.try_emplace(alias);
  for (const auto& mapping : state_.mappings) nodes_[mapping->provisioner].candidates.push_back(mapping);
  for (auto& node : nodes_ | std::views::values) sort_by_use(node.candidates);
}

std::shared_ptr<const Resolution> RegistrySnapshot::resolve(const ClassReference& provisioner,
                                                            const KernelContext& context) const {
  const auto node = nodes_.find(provisioner);
  if (node == nodes_.end()) return compute(provisioner, context).resolution;
  const auto& answer = cached_answer(provisioner, node->second);
  if (answer.depends_on_context && !context.empty()) return compute(provisioner, context).resolution;
  return answer.resolution;
}

const RegistrySnapshot::Answer& RegistrySnapshot::cached_answer(const ClassReference& provisioner,
                                                                const Node& node) const {
  if (const auto* known = node.answer.load(std::memory_order_acquire)) return *known;
  auto made = std::make_unique<const Answer>(compute(provisioner, {}));
  const Answer* known = nullptr;
  if (node.answer.compare_exchange_strong(known, made.get(), std::memory_order_acq_rel))
    return *made.release();
  return *known;
}

RegistrySnapshot::Answer RegistrySnapshot::compute(const ClassReference& asked,
                                                   const KernelContext& context) const {
  const auto& provisioner = state_.classes->canonical(asked);
  auto resolution = std::make_shared<Resolution>(Resolution{.provisioner = provisioner});
  bool depends_on_context = false;
  auto& steps = resolution->steps;
  if (asked != provisioner)
    steps.push_back(fmt::format("{} is another name of class {}.", asked, provisioner));
  const auto order = state_.classes->linearization(provisioner);
  if (const auto problem = state_.classes->problem(provisioner))
    steps.push_back(fmt::format("Only {} itself is looked up. {}", provisioner, as_sentence(*problem)));
  else if (order.size() > 1)
    steps.push_back(
        fmt::format("Provisioner classes are looked up nearest first: {}.", fmt::join(order, ", ")));
  else
    steps.push_back(fmt::format("Provisioner class {} is looked up; no bases of it are known.", provisioner));

  for (const auto& candidate_class : order) {
    const auto node = nodes_.find(candidate_class);
    if (node == nodes_.end() || node->second.candidates.empty()) {
      steps.push_back(fmt::format("{} has no mapping.", candidate_class));
      continue;
    }
    const auto& candidates = node->second.candidates;
    for (auto candidate = candidates.begin(); candidate != candidates.end(); ++candidate) {
      const auto& mapping = **candidate;
      const auto& criteria = mapping.options.criteria;
      depends_on_context |= !criteria.empty();
      if (!criteria.matches(context)) {
        steps.push_back(
            fmt::format("{} for {}, which this kernel is not.", describe(mapping), criteria.describe()));
        continue;
      }
      steps.push_back(fmt::format("{} for {}.", describe(mapping), criteria.describe()));
      for (const auto& hidden : std::ranges::subrange(candidate + 1, candidates.end()))
        steps.push_back(fmt::format("This goes before {} ({}): {}.", hidden->client,
                                    hidden->describe_source(), why_first(mapping, *hidden)));
      resolution->matched_by = candidate_class == provisioner ? MatchedBy::exact : MatchedBy::base;
      decide(*resolution, *candidate);
      return {std::move(resolution), depends_on_context};
    }
  }
  decide_fallback(*resolution);
  return {std::move(resolution), depends_on_context};
}

void RegistrySnapshot::decide(Resolution& resolution, std::shared_ptr<const Mapping> mapping) const {
  if (!mapping->refusal.empty())
    resolution.refusal = mapping->refusal;
  else if (auto reason = why_unusable(mapping->client))
    resolution.refusal = *std::move(reason);
  else if (auto mismatch = state_.incompatibility(*mapping, resolution.provisioner))
    resolution.refusal = *std::move(mismatch);
  else
    resolution.client = mapping->client;
  if (!resolution.refusal.empty())
    resolution.steps.push_back(
        fmt::format("That client cannot be used: {}", as_sentence(resolution.refusal)));
  resolution.source = mapping->describe_source();
  resolution.mapping = std::move(mapping);
}

void RegistrySnapshot::decide_fallback(Resolution& resolution) const {
  const auto& fallback = state_.effective_fallback();
  if (!fallback) {
    resolution.steps.emplace_back("No mapping applies, and there is no fallback client.");
    return;
  }
  resolution.matched_by = MatchedBy::fallback;
  resolution.source = fallback->source;
  resolution.steps.push_back(
      fmt::format("No mapping applies; the fallback client is {} ({}).", fallback->client, fallback->source));
  if (auto reason = why_unusable(fallback->client))
    resolution.refusal = *std::move(reason);
  else if (auto mismatch = state_.contract_mismatch(fallback->client, resolution.provisioner))
    resolution.refusal = *std::move(mismatch);
  else
    resolution.client = fallback->client;
  if (!resolution.refusal.empty())
    resolution.steps.push_back(
        fmt::format("That client cannot be used: {}", as_sentence(resolution.refusal)));
}

const std::string* RegistrySnapshot::load_failure(const ClassReference& client) const {
  const auto found = state_.load_states.find(client);
  return found == state_.load_states.end() || found->second.loaded ? nullptr : &found->second.failure;
}

std::optional<std::string> RegistrySnapshot::why_unusable(const ClassReference& client) const {
  if (auto complaint = state_.classes->wrong_kind(client, ClassKind::client)) return complaint;
  if (const auto* failure = load_failure(client))
    return fmt::format("client {} failed to load: {}", client, *failure);
  if (const auto reason = state_.unavailable.find(client); reason != state_.unavailable.end())
    return fmt::format("client {} cannot be used: {}", client, reason->second);
  return std::nullopt;
}

std::vector<MappingPointer> RegistrySnapshot::first_mappings() const {
  std::vector<MappingPointer> first;
  for (const auto& node : nodes_ | std::views::values)
    if (!node.candidates.empty()) first.push_back(node.candidates.front());
  return first;
}

std::vector<MappingInfo> RegistrySnapshot::mapping_infos() const {
  using enum MappingInfo::State;
  std::vector<MappingInfo> infos;
  infos.reserve(state_.mappings.size());
  for (const auto& mapping : state_.mappings) {
    MappingInfo info{.mapping = mapping};
    const auto load_state = state_.load_states.find(mapping->client);
    if (!mapping->refusal.empty()) {
      info.state = failed;
      info.reason = mapping->refusal;
    } else if (const auto* failure = load_failure(mapping->client)) {
      info.state = failed;
      info.reason = *failure;
    } else if (auto mismatch = state_.incompatibility(*mapping, mapping->provisioner)) {
      info.state = failed;
      info.reason = *std::move(mismatch);
    } else if (const auto reason = state_.unavailable.find(mapping->client);
               reason != state_.unavailable.end()) {
      info.reason = reason->second;
    } else if (load_state != state_.load_states.end()) {
      info.state = loaded;
    }
    const auto* provisioner = state_.classes->find(mapping->provisioner);
    const auto* client = state_.classes->find(mapping->client);
    if (provisioner && provisioner->version) info.provisioner_version = provisioner->version->text();
    if (client && client->version) info.client_version = client->version->text();
    if (mapping->options.provisioner_versions)
      info.understood_provisioner_versions = mapping->options.provisioner_versions->text();
    else if (client && client->provisioner_versions)
      info.understood_provisioner_versions = client->provisioner_versions->text();
    infos.push_back(std::move(info));
  }
  return infos;
}

std::vector<MappingConflict> RegistrySnapshot::conflicts() const {
  std::vector<MappingConflict> found;
  const auto describe_client = [](const Mapping& mapping) {
    return fmt::format("{} ({})", mapping.client, mapping.describe_source());
  };
  const auto add = [&](const MappingPointer& used, std::vector<MappingPointer> unused) {
    std::vector<std::string> others;
    for (const auto& other : unused) others.push_back(describe_client(*other));
    auto message =
        fmt::format("Provisioner {} is mapped to {} and to {} for the same kernels: {}", used->provisioner,
                    describe_client(*used), fmt::join(others, ", "), why_first(*used, *unused.front()));
    found.push_back({used, std::move(unused), std::move(message)});
  };
  for (const auto& mapping : state_.mappings) {
    if (mapping->replaced) add(mapping, {mapping->replaced});
    const auto& rivals = nodes_.at(mapping->provisioner).candidates;
    const auto place = std::ranges::find(rivals, mapping);
    std::vector<MappingPointer> unused;
    for (const auto& rival : std::ranges::subrange(place + 1, rivals.end())) {
      // A pair that the same stronger mapping hides is in the conflict of that one.
      const bool told_already = std::any_of(rivals.begin(), place, [&](const MappingPointer& stronger) {
        return conflicting(*stronger, *mapping) && conflicting(*stronger, *rival);
      });
      if (conflicting(*mapping, *rival) && !told_already) unused.push_back(rival);
    }
    if (!unused.empty()) add(mapping, std::move(unused));
  }
  return found;
}

std::vector<RegistryProblem> RegistrySnapshot::problems() const {
  std::vector<RegistryProblem> found;
  for (const auto& refused : state_.refused_input | std::views::values)
    found.insert(found.end(), refused.begin(), refused.end());
  for (const auto& [reference, message] : state_.classes->problems())
    found.push_back({reference.to_string(), state_.classes->find(reference)->source, message});
  for (const auto& info : mapping_infos())
    if (!info.reason.empty())
      found.push_back(
          {info.mapping->provisioner.to_string(), info.mapping->describe_source(),
           fmt::format("mapped to {}, which cannot be used: {}", info.mapping->client, info.reason)});
  if (const auto& fallback = state_.effective_fallback())
    if (auto reason = why_unusable(fallback->client))
      found.push_back({"KernelClientRegistry.fallback_client_class", fallback->source, *std::move(reason)});
  return found;
}

}  // namespace nextgen_kernels
