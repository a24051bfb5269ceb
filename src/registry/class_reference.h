#pragma once

#include <compare>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/error.h"

namespace nextgen_kernels {

namespace detail {

/// A class reference cut into its two parts; `problem` is empty when the text is one.
struct SplitClassReference {
  std::string_view module;
  std::string_view qualified_name;
  std::string_view problem;
};

constexpr bool is_identifier_character(char character) {
  return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
         (character >= '0' && character <= '9') || character == '_' ||
         static_cast<unsigned char>(character) >= 0x80;  // Python identifiers may be any Unicode letters.
}

constexpr bool is_identifier(std::string_view text) {
  if (text.empty() || (text.front() >= '0' && text.front() <= '9')) return false;
  for (const char character : text)
    if (!is_identifier_character(character)) return false;
  return true;
}

/// True for identifiers joined by dots. `nested` names one more piece that is allowed before the last one.
constexpr bool is_dotted_name(std::string_view text, std::string_view nested = {}) {
  while (true) {
    const auto dot = text.find('.');
    const auto piece = text.substr(0, dot);
    if (dot == std::string_view::npos) return is_identifier(piece);
    if (!is_identifier(piece) && (nested.empty() || piece != nested)) return false;
    text.remove_prefix(dot + 1);
  }
}

constexpr SplitClassReference split_class_reference(std::string_view text) {
  if (text.empty()) return {{}, {}, "it is empty"};
  auto separator = text.find(':');
  if (separator == std::string_view::npos) separator = text.rfind('.');
  if (separator == std::string_view::npos) return {{}, {}, "it has no module"};
  const auto module = text.substr(0, separator);
  const auto qualified_name = text.substr(separator + 1);
  if (module.empty()) return {{}, {}, "it has no module"};
  if (qualified_name.empty()) return {{}, {}, "it has no class name"};
  if (qualified_name.find(':') != std::string_view::npos) return {{}, {}, "it has more than one colon"};
  if (!is_dotted_name(module)) return {{}, {}, "its module is not a dotted name"};
  // Python's __qualname__ of a class that is made in a function is "function.<locals>.Class".
  if (!is_dotted_name(qualified_name, "<locals>")) return {{}, {}, "its class is not a dotted name"};
  return {module, qualified_name, {}};
}

}  // namespace detail

/// A class reference that is written in C++ source; a text that is not one does not compile.
class ClassReferenceLiteral {
 public:
  // NOLINTNEXTLINE(google-explicit-constructor): a literal is what this is for.
  consteval ClassReferenceLiteral(const char* text) : ClassReferenceLiteral(std::string_view(text)) {}
  // NOLINTNEXTLINE(google-explicit-constructor)
  consteval ClassReferenceLiteral(std::string_view text) : text_(text) {
    if (!detail::split_class_reference(text_).problem.empty())
      throw "not a class reference: write \"module:Class\" or \"module.Class\"";
  }

  constexpr std::string_view text() const { return text_; }

 private:
  std::string_view text_;
};

/// `"package.module:Class"_class` is a checked literal where a ClassReference is wanted.
consteval ClassReferenceLiteral operator""_class(const char* text, std::size_t) {
  return {text};
}

/// The name of a provisioner or client class, in whatever language it is written: `module:Class`, also
/// accepted as `module.Class`. The identity of a class everywhere in this system; never a `typeid` or an
/// address.
///
/// Two references are equal when their dotted paths are: `pkg.mod:Outer.Inner`, `pkg.mod.Outer.Inner` and
/// `pkg.mod.Outer:Inner` name one object, as they do in Python. `to_string` keeps the parts as they were
/// given, so a class prints as it was declared.
class ClassReference {
 public:
  /// Reads either form. The error says what is wrong and shows an example of both forms.
  static Result<ClassReference> parse(std::string_view text);

  // NOLINTNEXTLINE(google-explicit-constructor): a checked literal is a reference.
  ClassReference(const ClassReferenceLiteral& literal);

  std::string_view module() const { return std::string_view(path_).substr(0, module_length_); }

  /// `Class`, or `Outer.Inner` for a nested class.
  std::string_view qualified_name() const { return std::string_view(path_).substr(module_length_ + 1); }

  /// The canonical form, `module:Class`.
  std::string to_string() const;

  /// Made once, at construction: lookups are on the path of every kernel start.
  std::size_t hash() const noexcept { return hash_; }

  friend bool operator==(const ClassReference& left, const ClassReference& right) noexcept {
    return left.hash_ == right.hash_ && left.path_ == right.path_;
  }
  friend std::weak_ordering operator<=>(const ClassReference& left, const ClassReference& right) noexcept {
    return left.path_ <=> right.path_;
  }

 private:
  explicit ClassReference(const detail::SplitClassReference& parts);

  std::string path_;  // With a dot where the canonical form has its colon.
  std::size_t module_length_;
  std::size_t hash_;
};

}  // namespace nextgen_kernels

template <>
struct std::hash<nextgen_kernels::ClassReference> {
  std::size_t operator()(const nextgen_kernels::ClassReference& reference) const noexcept {
    return reference.hash();
  }
};

template <>
struct fmt::formatter<nextgen_kernels::ClassReference> : fmt::formatter<std::string_view> {
  auto format(const nextgen_kernels::ClassReference& reference, fmt::format_context& context) const {
    return fmt::formatter<std::string_view>::format(reference.to_string(), context);
  }
};
