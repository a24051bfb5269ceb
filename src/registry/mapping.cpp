#include "registry/mapping.h"

#include <algorithm>

#include "base/strings.h"

namespace nextgen_kernels {
namespace {

using Values = std::vector<std::string>;

bool holds(const Values& accepted, const std::string& value) {
  return accepted.empty() || std::ranges::find(accepted, value) != accepted.end();
}

bool share_a_value(const Values& left, const Values& right) {
  return left.empty() || right.empty() ||
         std::ranges::any_of(left, [&](const std::string& value) { return holds(right, value); });
}

Values to_lower(const Values& values) {
  Values lower;
  for (const auto& value : values) lower.push_back(nextgen_kernels::to_lower(value));
  return lower;
}

}  // namespace

std::string_view to_string(Precedence precedence) {
  switch (precedence) {
    case Precedence::configuration:
      return "configuration";
    case Precedence::programmatic:
      return "programmatic";
    case Precedence::entry_point:
      return "entry point";
  }
  return "unknown";
}

std::string_view to_string(MappingInfo::State state) {
  switch (state) {
    case MappingInfo::State::declared:
      return "declared";
    case MappingInfo::State::loaded:
      return "loaded";
    case MappingInfo::State::failed:
      return "failed";
  }
  return "unknown";
}

bool KernelContext::empty() const {
  return kernel_name.empty() && language.empty() && kernel_client.empty() && labels.empty();
}

bool MappingCriteria::empty() const {
  return kernel_names.empty() && languages.empty() && kernel_clients.empty() && labels.empty();
}

bool MappingCriteria::matches(const KernelContext& context) const {
  return holds(kernel_names, context.kernel_name) &&
         holds(to_lower(languages), nextgen_kernels::to_lower(context.language)) &&
         holds(kernel_clients, context.kernel_client) && std::ranges::all_of(labels, [&](const auto& label) {
           const auto found = context.labels.find(label.first);
           return found != context.labels.end() && found->second == label.second;
         });
}

bool MappingCriteria::overlaps(const MappingCriteria& other) const {
  return share_a_value(kernel_names, other.kernel_names) &&
         share_a_value(to_lower(languages), to_lower(other.languages)) &&
         share_a_value(kernel_clients, other.kernel_clients) &&
         std::ranges::all_of(labels, [&](const auto& label) {
           const auto found = other.labels.find(label.first);
           return found == other.labels.end() || found->second == label.second;
         });
}

std::string MappingCriteria::describe() const {
  if (empty()) return "every kernel";
  std::vector<std::string> parts;
  const auto add = [&](std::string_view field, const Values& values) {
    if (!values.empty()) parts.push_back(fmt::format("{} {}", field, fmt::join(values, " or ")));
  };
  add("kernel name", kernel_names);
  add("language", languages);
  add("metadata.kernel_client", kernel_clients);
  for (const auto& [name, value] : labels) parts.push_back(fmt::format("label {}={}", name, value));
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string Mapping::describe_source() const {
  return fmt::format("{}, {}", to_string(precedence), options.source);
}

std::string Mapping::describe_alias(const std::optional<ClassReference>& alias) {
  return alias ? fmt::format(" (there called {})", *alias) : std::string();
}

}  // namespace nextgen_kernels
