#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "registry/class_reference.h"
#include "registry/mapping.h"

namespace nextgen_kernels {

/// Which rule of the lookup decided.
enum class MatchedBy {
  exact,     ///< A mapping of the provisioner's own class.
  base,      ///< A mapping of the nearest base that has one.
  fallback,  ///< The fallback client.
  none,      ///< No rule: there is no fallback client.
};

/// "exact", "base", "fallback", "none", as the kernel model carries it.
std::string_view to_string(MatchedBy matched_by);

/// The answer of the registry for one provisioner, and how it came about. Immutable, so it can be kept and
/// shared.
struct Resolution {
  ClassReference provisioner;
  /// The class to use; empty when no rule matched, and when what matched was refused.
  std::optional<ClassReference> client = {};
  MatchedBy matched_by = MatchedBy::none;
  /// The mapping that decided; null for `fallback` and `none`.
  std::shared_ptr<const Mapping> mapping = {};
  /// Where the decision comes from, in words ("configuration", "entry point of spark-kernels 1.2").
  std::string source = {};
  /// Why the client that was decided on cannot be used (versions, contracts, failed to load), in words. A
  /// kernel is then not started: another client than the mapped one would not understand it either, only less
  /// clearly.
  std::string refusal = {};
  /// What was looked at, in order, one sentence each.
  std::vector<std::string> steps = {};
};

}  // namespace nextgen_kernels
