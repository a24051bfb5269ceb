#include "registry/class_table.h"

#include <algorithm>
#include <ranges>
#include <span>
#include <unordered_set>
#include <utility>

namespace nextgen_kernels {
namespace {

/// Joins references as "a:A, b:B and c:C".
std::string join_in_words(std::span<const ClassReference> references) {
  if (references.size() == 1) return references.front().to_string();
  return fmt::format("{} and {}", fmt::join(references.first(references.size() - 1), ", "),
                     references.back());
}

/// The part of a linearization that is not yet merged.
using Remaining = std::span<const ClassReference>;

bool contains(std::span<const ClassReference> references, const ClassReference& wanted) {
  return std::ranges::find(references, wanted) != references.end();
}

std::string_view source_of(const ClassDeclaration& declaration) {
  return declaration.source.empty() ? std::string_view("an unnamed source") : declaration.source;
}

bool is_in_a_tail(const ClassReference& candidate, std::span<const Remaining> sequences) {
  return std::ranges::any_of(sequences,
                             [&](Remaining sequence) { return contains(sequence.subspan(1), candidate); });
}

}  // namespace

Result<void> ClassTable::define(ClassDeclaration declaration) {
  static const ClassReference object{"builtins:object"};
  std::erase(declaration.bases, object);
  const auto reference = declaration.reference;
  if (const auto alias = aliases_.find(reference); alias != aliases_.end())
    return make_error(ErrorCode::already_exists,
                      "Class {} is declared by {}, but that is another name of class {}, says {}; the first "
                      "declaration is used",
                      reference, source_of(declaration), alias->second, source_of(*find(alias->second)));
  auto alias_error = take_aliases(declaration);
  if (const auto* known = find(reference)) {
    if (*known != declaration)
      return make_error(
          ErrorCode::already_exists,
          "Class {} is declared twice, and differently: by {} and by {}; the first declaration is used",
          reference, source_of(*known), source_of(declaration));
  } else {
    for (const auto& alias : declaration.aliases) use_alias(alias, reference);
    for (const auto& base : bases_of(declaration)) children_[base].push_back(reference);
    entries_[reference].declaration = std::make_shared<const ClassDeclaration>(std::move(declaration));
    linearize_again(reference);
  }
  if (auto message = problem(reference))
    return std::unexpected(Error{ErrorCode::invalid_argument, *std::move(message)});
  if (alias_error) return std::unexpected(*std::move(alias_error));
  return {};
}

/// Leaves only those aliases that are free; says why one is not.
std::optional<Error> ClassTable::take_aliases(ClassDeclaration& declaration) const {
  std::optional<Error> error;
  std::erase_if(declaration.aliases, [&](const ClassReference& alias) {
    if (alias == declaration.reference) return true;
    const auto* named = find(alias);
    if (!named || named->reference == declaration.reference) return false;
    error =
        Error{ErrorCode::already_exists,
              fmt::format(
                  "{} is to be another name of class {}, says {}, but it is {}class {}, says {}; the first "
                  "declaration is used",
                  alias, declaration.reference, source_of(declaration),
                  named->reference == alias ? "" : "another name of ", named->reference, source_of(*named))};
    return true;
  });
  return error;
}

void ClassTable::use_alias(const ClassReference& alias, const ClassReference& reference) {
  if (!aliases_.emplace(alias, reference).second) return;
  // Classes that named it as their base before it was known what it means.
  const auto waiting = children_.extract(alias);
  if (waiting.empty()) return;
  auto& children = children_[reference];
  children.insert(children.end(), waiting.mapped().begin(), waiting.mapped().end());
}

const ClassReference& ClassTable::canonical(const ClassReference& reference) const {
  const auto alias = aliases_.find(reference);
  return alias == aliases_.end() ? reference : alias->second;
}

std::vector<ClassReference> ClassTable::aliases() const {
  std::vector<ClassReference> all;
  all.reserve(aliases_.size());
  for (const auto& alias : aliases_ | std::views::keys) all.push_back(alias);
  return all;
}

ClassTable::Linearization ClassTable::bases_of(const ClassDeclaration& declaration) const {
  Linearization bases;
  bases.reserve(declaration.bases.size());
  for (const auto& base : declaration.bases) bases.push_back(canonical(base));
  return bases;
}

const ClassDeclaration* ClassTable::find(const ClassReference& reference) const {
  const auto entry = entries_.find(canonical(reference));
  return entry == entries_.end() ? nullptr : entry->second.declaration.get();
}

std::vector<ClassReference> ClassTable::linearization(const ClassReference& reference) const {
  const auto entry = entries_.find(canonical(reference));
  if (entry == entries_.end() || !entry->second.problem.empty()) return {canonical(reference)};
  return *entry->second.linearization;
}

bool ClassTable::is_subclass(const ClassReference& reference, const ClassReference& base) const {
  return contains(linearization(reference), canonical(base));
}

std::optional<std::string> ClassTable::wrong_kind(const ClassReference& reference, ClassKind wanted) const {
  const auto* declaration = find(reference);
  if (!declaration || declaration->kind == wanted) return std::nullopt;
  return fmt::format("{} is declared as a {}, not as a {}", declaration->reference,
                     to_string(declaration->kind), to_string(wanted));
}

std::optional<std::string> ClassTable::problem(const ClassReference& reference) const {
  const auto entry = entries_.find(canonical(reference));
  if (entry == entries_.end() || entry->second.problem.empty()) return std::nullopt;
  return entry->second.problem;
}

std::vector<ClassProblem> ClassTable::problems() const {
  std::vector<ClassProblem> found;
  for (const auto& [reference, entry] : entries_)
    if (!entry.problem.empty()) found.push_back({reference, entry.problem});
  std::ranges::sort(found, std::less{}, &ClassProblem::reference);
  return found;
}

std::vector<std::shared_ptr<const ClassDeclaration>> ClassTable::classes() const {
  std::vector<std::shared_ptr<const ClassDeclaration>> declarations;
  declarations.reserve(entries_.size());
  for (const auto& entry : entries_ | std::views::values) declarations.push_back(entry.declaration);
  std::ranges::sort(declarations, std::less{},
                    [](const auto& declaration) -> const ClassReference& { return declaration->reference; });
  return declarations;
}

std::vector<ClassReference> ClassTable::with_descendants(const ClassReference& reference) const {
  std::vector<ClassReference> found{reference};
  std::unordered_set<ClassReference> seen{reference};
  for (std::size_t next = 0; next < found.size(); ++next) {
    const auto children = children_.find(found[next]);
    if (children == children_.end()) continue;
    for (const auto& child : children->second)
      if (seen.insert(child).second) found.push_back(child);
  }
  return found;
}

void ClassTable::linearize_again(const ClassReference& changed) {
  // Bases before the classes that derive from them; what can never come is on a cycle, or derives from one.
  const auto affected = with_descendants(changed);
  std::unordered_map<ClassReference, std::size_t> waiting;
  for (const auto& reference : affected) waiting.emplace(reference, 0);
  for (const auto& reference : affected)
    for (const auto& base : bases_of(*entries_.at(reference).declaration))
      if (waiting.contains(base)) ++waiting.at(reference);

  std::vector<ClassReference> ready;
  for (const auto& reference : affected)
    if (waiting.at(reference) == 0) ready.push_back(reference);
  for (std::size_t next = 0; next < ready.size(); ++next) {
    auto& entry = entries_.at(ready[next]);
    auto order = linearize(*entry.declaration);
    entry.problem = order ? std::string{} : order.error().message;
    entry.linearization = order ? std::make_shared<const Linearization>(*std::move(order)) : nullptr;
    const auto children = children_.find(ready[next]);
    if (children == children_.end()) continue;
    for (const auto& child : children->second)
      if (--waiting.at(child) == 0) ready.push_back(child);
  }
  for (const auto& reference : ready) waiting.erase(reference);
  for (const auto& reference : waiting | std::views::keys) {
    auto& entry = entries_.at(reference);
    entry.linearization = nullptr;
    entry.problem = describe_cycle(reference, waiting);
  }
}

Result<ClassTable::Linearization> ClassTable::linearize(const ClassDeclaration& declaration) const {
  const auto bases = bases_of(declaration);
  for (auto base = bases.begin(); base != bases.end(); ++base)
    if (std::find(bases.begin(), base, *base) != base)
      return make_error(ErrorCode::invalid_argument, "Class {} names its base {} twice",
                        declaration.reference, *base);

  std::vector<Remaining> sequences;
  for (const auto& base : bases) {
    const auto entry = entries_.find(base);
    if (entry == entries_.end()) {
      sequences.emplace_back(&base, 1);
    } else if (!entry->second.problem.empty()) {
      return make_error(ErrorCode::invalid_argument,
                        "Class {} has no usable order of bases, because its base {} has none",
                        declaration.reference, base);
    } else {
      sequences.emplace_back(*entry->second.linearization);
    }
  }
  if (!bases.empty()) sequences.emplace_back(bases);

  Linearization order{declaration.reference};
  while (!sequences.empty()) {
    const auto good = std::ranges::find_if(
        sequences, [&](Remaining sequence) { return !is_in_a_tail(sequence.front(), sequences); });
    if (good == sequences.end()) {
      Linearization stuck;
      for (const auto sequence : sequences)
        if (!contains(stuck, sequence.front())) stuck.push_back(sequence.front());
      return make_error(
          ErrorCode::invalid_argument,
          "The bases of class {} cannot be put in one order: each of {} would have to come after another "
          "of them. List the bases of {} with derived classes before their bases",
          declaration.reference, join_in_words(stuck), declaration.reference);
    }
    const auto next = good->front();
    order.push_back(next);
    if (order.size() > max_linearization)
      return make_error(ErrorCode::resource_limit, "Class {} has more than {} bases, direct and indirect",
                        declaration.reference, max_linearization - 1);
    for (auto& sequence : sequences)
      if (sequence.front() == next) sequence = sequence.subspan(1);
    std::erase_if(sequences, [](Remaining sequence) { return sequence.empty(); });
  }
  return order;
}

std::string ClassTable::describe_cycle(const ClassReference& start,
                                       const std::unordered_map<ClassReference, std::size_t>& waiting) const {
  // Every class that still waits has a base that waits, so this walk comes back to a class that it has seen.
  std::vector<ClassReference> path{start};
  auto seen = path.end();
  do {
    const auto bases = bases_of(*entries_.at(path.back()).declaration);
    const auto next = *std::ranges::find_if(bases, [&](const auto& base) { return waiting.contains(base); });
    path.push_back(next);
    seen = std::ranges::find(path, next);
  } while (seen == path.end() - 1);
  return fmt::format("Class {} has no usable order of bases, because a class derives from itself: {}", start,
                     fmt::join(seen, path.end(), " -> "));
}

}  // namespace nextgen_kernels
