#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "registry/class_table.h"
#include "registry/entry_point.h"
#include "registry/mapping.h"
#include "registry/registry_event.h"
#include "registry/registry_problem.h"
#include "registry/resolution.h"

namespace nextgen_kernels {

/// All that a registry knows: a plain value, changed by the registry's operations and then frozen in a
/// snapshot.
struct RegistryState {
  struct Fallback {
    ClassReference client;
    std::string source;
  };
  struct LoadState {
    bool loaded = false;
    std::string failure = {};  // Empty when loaded.
  };
  struct Callback {
    std::uint64_t id;
    RegistryEventKind kind;
    std::function<void(const RegistryEvent&)> function;
  };
  using Callbacks = std::vector<std::shared_ptr<const Callback>>;

  std::shared_ptr<const ClassTable> classes = std::make_shared<const ClassTable>();
  std::vector<std::shared_ptr<const Mapping>> mappings = {};  // In order of registration.
  std::optional<Fallback> configured_fallback = {};
  std::optional<Fallback> fallback = {};
  std::unordered_map<ClassReference, LoadState> load_states = {};
  std::unordered_map<ClassReference, std::string> unavailable = {};  // Clients, and why.
  // Of each precedence what was refused when its mappings were read last.
  std::map<Precedence, std::vector<RegistryProblem>> refused_input = {};
  std::function<std::vector<EntryPoint>()> entry_points = {};  // What discovery finds now.
  std::shared_ptr<const Callbacks> callbacks = std::make_shared<const Callbacks>();

  /// The configured one before the programmatic one.
  const std::optional<Fallback>& effective_fallback() const {
    return configured_fallback ? configured_fallback : fallback;
  }

  /// Puts the classes themselves into a mapping in place of their aliases.
  void use_aliases(Mapping& mapping) const;
  /// The same everywhere, after aliases became known.
  void use_aliases();

  /// Says that one of the classes of a mapping is declared as another kind, if it is.
  std::optional<Error> wrong_kind(const Mapping& mapping) const;

  /// Why the two classes of a mapping do not fit (kinds, versions, contracts), as far as both are declared;
  /// `provisioner` is the class of the kernel at hand, which may derive from the mapped one.
  std::optional<std::string> incompatibility(const Mapping& mapping, const ClassReference& provisioner) const;

  /// Why a client does not understand what a provisioner produces.
  std::optional<std::string> contract_mismatch(const ClassReference& client,
                                               const ClassReference& provisioner) const;
};

/// One immutable state with its index. Answers are computed at the first question and kept with the snapshot,
/// without locks: whoever comes first with an answer wins, the others drop theirs, which is the same.
class RegistrySnapshot {
 public:
  explicit RegistrySnapshot(RegistryState state);

  const RegistryState& state() const { return state_; }

  std::shared_ptr<const Resolution> resolve(const ClassReference& provisioner,
                                            const KernelContext& context) const;

  /// For each mapped provisioner the mapping that is tried first.
  std::vector<std::shared_ptr<const Mapping>> first_mappings() const;
  std::vector<MappingInfo> mapping_infos() const;
  std::vector<MappingConflict> conflicts() const;
  std::vector<RegistryProblem> problems() const;

 private:
  struct Answer {
    std::shared_ptr<const Resolution> resolution;
    bool depends_on_context = false;
  };
  /// What is known of one provisioner class; for classes that are declared or mapped.
  struct Node {
    Node() = default;
    ~Node() { delete answer.load(); }
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;

    std::vector<std::shared_ptr<const Mapping>> candidates;  // The one to use first stands first.
    mutable std::atomic<const Answer*> answer = nullptr;     // For an empty context.
  };

  Answer compute(const ClassReference& asked, const KernelContext& context) const;
  const Answer& cached_answer(const ClassReference& provisioner, const Node& node) const;
  void decide(Resolution& resolution, std::shared_ptr<const Mapping> mapping) const;
  void decide_fallback(Resolution& resolution) const;
  const std::string* load_failure(const ClassReference& client) const;
  std::optional<std::string> why_unusable(const ClassReference& client) const;

  RegistryState state_;
  std::unordered_map<ClassReference, Node> nodes_;
};

/// True when a new mapping takes the place of the other: same provisioner and precedence, for the same
/// kernels.
bool same_place(const Mapping& left, const Mapping& right);

/// True when one of two mappings of one provisioner hides the other for some kernel only by a rule for ties.
bool conflicting(const Mapping& left, const Mapping& right);

}  // namespace nextgen_kernels
