#include "kernelspecs/kernel_advice.h"

#include <algorithm>

#include <fmt/ranges.h>

#include "base/strings.h"
#include "kernelspecs/python_environment.h"

namespace nextgen_kernels {
namespace {

constexpr std::size_t most_reasons = 3;

std::string list_reasons(const std::vector<const KernelSpecEntry*>& entries) {
  std::vector<std::string> reasons;
  for (const auto* entry : entries) {
    if (reasons.size() == most_reasons) {
      reasons.push_back(fmt::format("and {} more", entries.size() - most_reasons));
      break;
    }
    reasons.push_back(fmt::format("{} ({})", printable(entry->name), printable(entry->spec.error().message)));
  }
  return fmt::format("{}", fmt::join(reasons, ", "));
}

}  // namespace

std::string KernelAdvice::to_line() const {
  if (commands.empty()) return reason + ".";
  return fmt::format("{}. To install a kernel, run: {}", reason, fmt::join(commands, " && "));
}

std::string KernelAdvice::to_text() const {
  if (commands.empty()) return reason + ".\n";
  return fmt::format("{}.\nTo install a kernel, run:\n    {}\n", reason, fmt::join(commands, "\n    "));
}

std::optional<KernelAdvice> advise_without_kernels(
    const std::vector<KernelSpecEntry>& entries, const std::vector<std::filesystem::path>& python_prefixes) {
  const KernelSpecEntry* native = nullptr;
  std::vector<const KernelSpecEntry*> unusable;
  bool some_allowed = false;
  for (const auto& entry : entries) {
    if (entry.spec) return std::nullopt;
    if (entry.status == KernelSpecStatus::absent) {
      native = &entry;
    } else if (entry.status != KernelSpecStatus::shadowed) {
      unusable.push_back(&entry);
      some_allowed |= entry.status != KernelSpecStatus::not_allowed;
    }
  }
  if (!unusable.empty() && !some_allowed && native == nullptr) {
    return KernelAdvice{.reason =
                            "No kernel can be started: KernelSpecManager.allowed_kernelspecs allows none "
                            "of the kernel specs that were found",
                        .commands = {}};
  }
  std::string reason =
      unusable.empty() ? "No kernel spec was found"
                       : "None of the kernel specs that were found can be used: " + list_reasons(unusable);
  if (native != nullptr) reason += fmt::format("; {}", printable(native->spec.error().message));
  if (python_prefixes.empty()) reason += ". Install Python first";
  return KernelAdvice{.reason = std::move(reason), .commands = ipykernel_commands(python_prefixes)};
}

std::optional<KernelAdvice> advise_without_kernels(KernelSpecManager& specs) {
  return advise_without_kernels(specs.list(), specs.python_prefixes());
}

std::string choose_default_kernel(const std::vector<KernelSpecEntry>& entries, std::string_view configured) {
  const auto usable = [&entries](auto matches) -> const KernelSpecEntry* {
    const auto found = std::ranges::find_if(
        entries, [&matches](const KernelSpecEntry& entry) { return entry.spec && matches(entry); });
    return found == entries.end() ? nullptr : &*found;
  };
  const auto named = [](std::string name) {
    return [name = to_lower(name)](const KernelSpecEntry& entry) { return entry.name == name; };
  };
  const auto* chosen = usable(named(std::string(configured)));
  if (chosen == nullptr) chosen = usable(named(std::string(native_kernel_name)));
  if (chosen == nullptr)
    chosen = usable([](const KernelSpecEntry& entry) { return to_lower(entry.spec->language) == "python"; });
  if (chosen == nullptr) chosen = usable([](const KernelSpecEntry&) { return true; });
  return chosen == nullptr ? std::string(configured) : chosen->name;
}

}  // namespace nextgen_kernels
