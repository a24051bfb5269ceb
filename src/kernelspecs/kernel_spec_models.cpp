#include "kernelspecs/kernel_spec_models.h"

#include <string>

#include "base/strings.h"

namespace nextgen_kernels {

nlohmann::ordered_json kernel_spec_model(const KernelSpec& spec, std::string_view base_url) {
  while (base_url.ends_with('/')) base_url.remove_suffix(1);
  auto resources = nlohmann::ordered_json::object();
  for (const auto& [key, file] : spec.resources)
    resources[key] =
        fmt::format("{}/kernelspecs/{}/{}", base_url, percent_encode(spec.name), percent_encode(file));
  return {{"name", spec.name}, {"spec", spec.to_json()}, {"resources", std::move(resources)}};
}

nlohmann::ordered_json kernel_specs_model(const std::vector<KernelSpecEntry>& entries,
                                          std::string_view default_name, std::string_view base_url) {
  auto specs = nlohmann::ordered_json::object();
  const auto add = [&specs, base_url](const KernelSpecEntry& entry) {
    specs[entry.name] = kernel_spec_model(*entry.spec, base_url);
  };
  for (const auto& entry : entries)
    if (entry.spec && entry.name == default_name) add(entry);
  for (const auto& entry : entries)
    if (entry.spec && entry.name != default_name) add(entry);
  return {{"default", default_name}, {"kernelspecs", std::move(specs)}};
}

}  // namespace nextgen_kernels
