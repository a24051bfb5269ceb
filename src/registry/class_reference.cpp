#include "registry/class_reference.h"

#include "base/strings.h"

namespace nextgen_kernels {

Result<ClassReference> ClassReference::parse(std::string_view text) {
  const auto parts = detail::split_class_reference(text);
  if (parts.problem.empty()) return ClassReference(parts);
  return make_error(
      ErrorCode::invalid_argument,
      "{:?} is not a class reference: {}. Write \"module:Class\" or \"module.Class\", for example "
      "\"my_package.provisioners:MyProvisioner\" or \"my_package.provisioners.MyProvisioner\"",
      replace_invalid_utf8(text), parts.problem);
}

ClassReference::ClassReference(const ClassReferenceLiteral& literal)
    : ClassReference(detail::split_class_reference(literal.text())) {}

ClassReference::ClassReference(const detail::SplitClassReference& parts)
    : path_(fmt::format("{}.{}", parts.module, parts.qualified_name)),
      module_length_(parts.module.size()),
      hash_(std::hash<std::string>{}(path_)) {}

std::string ClassReference::to_string() const {
  auto text = path_;
  text[module_length_] = ':';
  return text;
}

}  // namespace nextgen_kernels
