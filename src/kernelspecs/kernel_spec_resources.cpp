#include "kernelspecs/kernel_spec_resources.h"

#include <algorithm>
#include <optional>
#include <system_error>

#include "base/strings.h"

namespace nextgen_kernels {
namespace {

namespace fs = std::filesystem;

bool is_plain_relative(std::string_view file) {
  if (file.empty() || file.find('\0') != std::string_view::npos) return false;
  return std::ranges::none_of(
      split(file, '/'), [](std::string_view part) { return part.empty() || part == "." || part == ".."; });
}

std::optional<fs::path> resolve_inside(const fs::path& directory, std::string_view file) {
  if (!is_plain_relative(file)) return std::nullopt;
  std::error_code failed;
  const auto root = fs::canonical(directory, failed);
  if (failed) return std::nullopt;
  auto resolved = fs::canonical(root / file, failed);
  if (failed) return std::nullopt;
  if (std::ranges::mismatch(root, resolved).in1 != root.end()) return std::nullopt;
  if (!fs::is_regular_file(resolved, failed)) return std::nullopt;
  return resolved;
}

}  // namespace

std::map<std::string, std::string> list_kernel_spec_resources(const fs::path& resource_dir) {
  std::vector<std::string> names;
  std::error_code failed;
  for (fs::directory_iterator entry(resource_dir, failed), end; !failed && entry != end;
       entry.increment(failed)) {
    auto name = entry->path().filename().string();
    if (name == "kernel.js" || name == "kernel.css" || name.starts_with("logo-"))
      names.push_back(std::move(name));
  }
  std::ranges::sort(names);
  std::map<std::string, std::string> resources;
  for (const auto& name : names) {
    if (!resolve_inside(resource_dir, name)) continue;
    resources[name.starts_with("logo-") ? fs::path(name).stem().string() : name] = name;
  }
  return resources;
}

Result<fs::path> find_kernel_spec_resource(const KernelSpec& spec, std::string_view file) {
  if (auto path = resolve_inside(spec.resource_dir, file)) return *std::move(path);
  return make_error(ErrorCode::not_found, "Kernel spec {} has no resource {}", spec.name,
                    nlohmann::json(file).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace));
}

}  // namespace nextgen_kernels
