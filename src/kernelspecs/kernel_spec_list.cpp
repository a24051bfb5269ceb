#include "kernelspecs/kernel_spec_list.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/strings.h"

namespace nextgen_kernels {
namespace {

using Json = nlohmann::ordered_json;

std::string place_of(const KernelSpecEntry& entry) {
  return entry.resource_dir.empty() ? "-" : printable(entry.resource_dir.string());
}

std::string render_table(const std::vector<KernelSpecEntry>& entries, KernelSpecListContent content) {
  const bool all = content == KernelSpecListContent::all;
  std::size_t width = 0;
  std::size_t usable = 0;
  for (const auto& entry : entries) {
    usable += entry.spec ? 1 : 0;
    if (entry.spec || all) width = std::max(width, printable(entry.name).size());
  }

  std::string text = usable == 0 ? "No kernels available\n" : "Available kernels:\n";
  for (const auto& entry : entries)
    if (entry.spec) text += fmt::format("  {:<{}}    {}\n", printable(entry.name), width, place_of(entry));
  if (!all || usable == entries.size()) return text;
  text += "\nUnavailable kernels:\n";
  for (const auto& entry : entries)
    if (!entry.spec)
      text += fmt::format("  {:<{}}    {}\n  {:<{}}    {}\n", printable(entry.name), width, place_of(entry),
                          "", width, printable(entry.spec.error().message));
  return text;
}

std::string render_json(const std::vector<KernelSpecEntry>& entries, KernelSpecListContent content) {
  auto usable = Json::object();
  auto unavailable = Json::array();
  for (const auto& entry : entries) {
    const auto resource_dir = entry.resource_dir.string();
    if (entry.spec)
      usable[entry.name] = {{"resource_dir", resource_dir}, {"spec", entry.spec->to_json()}};
    else
      unavailable.push_back({{"name", entry.name},
                             {"resource_dir", resource_dir},
                             {"status", to_string(entry.status)},
                             {"reason", entry.spec.error().message}});
  }
  Json document{{"kernelspecs", std::move(usable)}};
  if (content == KernelSpecListContent::all) document["unavailable"] = std::move(unavailable);
  return document.dump(2, ' ', true, Json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string render_kernel_spec_list(const std::vector<KernelSpecEntry>& entries,
                                    KernelSpecListContent content, KernelSpecListFormat format) {
  return format == KernelSpecListFormat::json ? render_json(entries, content)
                                              : render_table(entries, content);
}

std::string explain_kernel_spec(const std::vector<KernelSpecEntry>& entries, std::string_view name) {
  const auto entry = std::ranges::find(entries, to_lower(name), &KernelSpecEntry::name);
  if (entry != entries.end() && !entry->spec)
    return fmt::format("Kernel spec {} cannot be used: {}", name, as_sentence(entry->spec.error().message));
  std::vector<std::string> names;
  for (const auto& candidate : entries)
    if (candidate.spec) names.push_back(candidate.name);
  if (const auto closest = closest_match(name, names))
    return fmt::format("Kernel spec {} not found. Did you mean {}?", name, *closest);
  if (names.empty()) return fmt::format("Kernel spec {} not found, and no other can be used.", name);
  return fmt::format("Kernel spec {} not found. There are: {}.", name, fmt::join(names, ", "));
}

}  // namespace nextgen_kernels
