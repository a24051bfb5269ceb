#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "registry/class_declaration.h"

namespace nextgen_kernels {

/// A class whose bases cannot be put in one order, and why, in words.
struct ClassProblem {
  ClassReference reference;
  std::string message;
};

/// The declared classes, and for each the order in which its bases are searched: the C3 linearization, which
/// is also Python's `__mro__`.
///
/// What it says depends on the set of declarations only, not on the order in which they came: a base may be
/// declared after the classes that derive from it, and these are then linearized again. (Of declarations that
/// contradict each other the first one counts.) `builtins:object` is not a base here. Every function takes an
/// alias for the class that it names. A value type without locking; the registry shares immutable copies.
class ClassTable {
 public:
  /// A longer linearization is an error: nobody writes one, and a hostile manifest could.
  static constexpr std::size_t max_linearization = 256;

  /// Adds a class. Declaring the same again is accepted; declaring it differently is refused with both
  /// sources and changes nothing. A class whose bases cannot be ordered stays in the table with its problem,
  /// and so do the classes that derive from it; the error names the classes. An alias that names another
  /// class already is left out, with an error that names both sources; the class itself is declared.
  Result<void> define(ClassDeclaration declaration);

  /// The class that a reference means: the one it is an alias of, else itself.
  const ClassReference& canonical(const ClassReference& reference) const;

  /// All aliases.
  std::vector<ClassReference> aliases() const;

  /// Nothing for a class that is not declared. Valid until the table changes.
  const ClassDeclaration* find(const ClassReference& reference) const;

  /// The class itself, then its bases, nearest first. For a class that is not declared, or that has a
  /// problem, the class alone.
  std::vector<ClassReference> linearization(const ClassReference& reference) const;

  /// True when `base` is in the linearization of `reference`.
  bool is_subclass(const ClassReference& reference, const ClassReference& base) const;

  /// Says that a class is declared as another kind than the one that is wanted. Nothing for a class that is
  /// not declared: what it is shows when it is loaded.
  std::optional<std::string> wrong_kind(const ClassReference& reference, ClassKind wanted) const;

  /// Why the bases of this class cannot be ordered, if they cannot.
  std::optional<std::string> problem(const ClassReference& reference) const;

  /// All classes that have one, sorted by reference.
  std::vector<ClassProblem> problems() const;

  /// All declarations, sorted by reference.
  std::vector<std::shared_ptr<const ClassDeclaration>> classes() const;

 private:
  using Linearization = std::vector<ClassReference>;
  struct Entry {
    std::shared_ptr<const ClassDeclaration> declaration;
    std::shared_ptr<const Linearization> linearization;
    std::string problem;
  };

  std::optional<Error> take_aliases(ClassDeclaration& declaration) const;
  void use_alias(const ClassReference& alias, const ClassReference& reference);
  Linearization bases_of(const ClassDeclaration& declaration) const;
  std::vector<ClassReference> with_descendants(const ClassReference& reference) const;
  void linearize_again(const ClassReference& changed);
  Result<Linearization> linearize(const ClassDeclaration& declaration) const;
  std::string describe_cycle(const ClassReference& start,
                             const std::unordered_map<ClassReference, std::size_t>& waiting) const;

  std::unordered_map<ClassReference, Entry> entries_;
  std::unordered_map<ClassReference, std::vector<ClassReference>> children_;  // Base to those that name it.
  std::unordered_map<ClassReference, ClassReference> aliases_;                // To the class itself.
};

}  // namespace nextgen_kernels
