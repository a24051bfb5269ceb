#pragma once

#include <concepts>
#include <stdexcept>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "registry/class_declaration.h"

namespace nextgen_kernels {

/// How a C++ class states its identity to the registry: a public member
///
///     class SparkProvisioner : public LocalProvisioner {
///      public:
///       static constexpr DeclaredClass<SparkProvisioner, LocalProvisioner> declared_class{
///           .reference = "spark_kernels:SparkProvisioner", .version = "1.2"};
///
/// `Self` is the class itself, so that a class which only inherits the member is found out at compile time;
/// `Bases` are its C++ bases that are declared classes themselves.
template <typename Self, typename... Bases>
struct DeclaredClass {
  ClassReferenceLiteral reference;
  std::string_view version = {};
  std::string_view produces = {};              ///< Provisioners: contracts, `;` between them.
  std::string_view understands = {};           ///< Clients: understood contracts, `;` between them.
  std::string_view provisioner_versions = {};  ///< Clients: a version range.
  std::string_view other_bases = {};  ///< References of bases that are no C++ classes, `;` between them.
  std::string_view aliases = {};      ///< Other references of the class, `;` between them.
  std::string_view source = "built in";
};

/// Where the registry finds the DeclaredClass of a C++ class: its member `declared_class`. A program that
/// names classes which know nothing of the registry specializes it, with a `declared` like the member.
template <typename T>
struct ClassTraits {};

template <typename T>
  requires requires { T::declared_class; }
struct ClassTraits<T> {
  static constexpr const auto& declared = T::declared_class;
};

namespace detail {

template <typename T>
struct DeclaredClassParts;  // Only for DeclaredClass.

template <typename Self, typename... Bases>
struct DeclaredClassParts<DeclaredClass<Self, Bases...>> {
  using SelfType = Self;

  template <typename T>
  static constexpr bool derives_from_all = (std::derived_from<T, Bases> && ...);

  template <typename Visitor>
  static void for_each_base(Visitor&& visit) {
    (visit.template operator()<Bases>(), ...);
  }
};

template <typename T>
using DeclaredClassOf = DeclaredClassParts<std::remove_cvref_t<decltype(ClassTraits<T>::declared)>>;

template <typename T>
std::vector<Result<T>> parse_list(std::string_view text) {
  std::vector<Result<T>> items;
  for (const auto piece : split(text, ';')) items.push_back(T::parse(trim(piece)));
  return items;
}

}  // namespace detail

/// A C++ class that is declared to the registry.
template <typename T>
concept HasDeclaredClass = requires { typename detail::DeclaredClassOf<T>::SelfType; };

/// An object that knows the reference of its most derived class, however it is held: as a text or as a value.
template <typename T>
concept HasClassReference = requires(const T& object) {
  { object.class_reference() } -> std::convertible_to<std::string_view>;
} || requires(const T& object) {
  { object.class_reference() } -> std::convertible_to<ClassReference>;
};

/// The reference of an object. Throws std::invalid_argument when its class states a malformed one.
template <HasClassReference T>
ClassReference class_reference_of(const T& object) {
  if constexpr (std::convertible_to<decltype(object.class_reference()), std::string_view>) {
    auto reference = ClassReference::parse(object.class_reference());
    if (!reference) throw std::invalid_argument(reference.error().message);
    return *std::move(reference);
  } else {
    return object.class_reference();
  }
}

/// The reference of a C++ class.
template <HasDeclaredClass T>
const ClassReference& class_reference_of() {
  static_assert(
      std::same_as<typename detail::DeclaredClassOf<T>::SelfType, T>,
      "The class inherits its declared_class: give it one of its own, DeclaredClass<ThisClass, ItsBases...>");
  static_assert(detail::DeclaredClassOf<T>::template derives_from_all<T>,
                "declared_class names a base that the C++ class does not derive from");
  static const ClassReference reference{ClassTraits<T>::declared.reference};
  return reference;
}

/// The declaration of a C++ class; an error when one of its texts (version, range, contract) is malformed.
template <HasDeclaredClass T>
Result<ClassDeclaration> class_declaration_of(ClassKind kind) {
  ClassDeclaration declaration{.reference = class_reference_of<T>(), .kind = kind};
  const auto& declared = ClassTraits<T>::declared;
  declaration.source = declared.source;
  detail::DeclaredClassOf<T>::for_each_base(
      [&]<typename Base>() { declaration.bases.push_back(class_reference_of<Base>()); });

  const auto append = [](auto& target, auto items) -> Result<void> {
    for (auto& item : items) {
      if (!item) return std::unexpected(item.error());
      target.push_back(*std::move(item));
    }
    return {};
  };
  if (auto added = append(declaration.bases, detail::parse_list<ClassReference>(declared.other_bases));
      !added)
    return std::unexpected(added.error());
  if (auto added = append(declaration.aliases, detail::parse_list<ClassReference>(declared.aliases)); !added)
    return std::unexpected(added.error());
  if (auto added = append(declaration.produces, detail::parse_list<ConnectionContract>(declared.produces));
      !added)
    return std::unexpected(added.error());
  if (auto added =
          append(declaration.understands, detail::parse_list<UnderstoodContract>(declared.understands));
      !added)
    return std::unexpected(added.error());
  if (!declared.version.empty()) {
    auto version = Version::parse(declared.version);
    if (!version) return std::unexpected(version.error());
    declaration.version = *std::move(version);
  }
  if (!declared.provisioner_versions.empty()) {
    auto versions = VersionRange::parse(declared.provisioner_versions);
    if (!versions) return std::unexpected(versions.error());
    declaration.provisioner_versions = *std::move(versions);
  }
  return declaration;
}

/// The declarations of a C++ class and of all its declared bases.
template <HasDeclaredClass T>
Result<std::vector<ClassDeclaration>> class_declarations_of(ClassKind kind) {
  auto own = class_declaration_of<T>(kind);
  if (!own) return std::unexpected(own.error());
  Result<std::vector<ClassDeclaration>> all{std::in_place};
  all->push_back(*std::move(own));
  detail::DeclaredClassOf<T>::for_each_base([&]<typename Base>() {
    if (!all) return;
    auto inherited = class_declarations_of<Base>(kind);
    if (!inherited)
      all = std::unexpected(inherited.error());
    else
      all->insert(all->end(), inherited->begin(), inherited->end());
  });
  return all;
}

}  // namespace nextgen_kernels
