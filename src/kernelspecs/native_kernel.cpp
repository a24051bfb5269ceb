#include "kernelspecs/native_kernel.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "kernelspecs/kernel_spec_resources.h"
#include "kernelspecs/python_environment.h"
#include "kernelspecs/python_probe.h"

namespace nextgen_kernels {
namespace {

namespace fs = std::filesystem;

/// The answer is the last line: site customizations may print before it.
constexpr auto probe_script =
    "import json, ipykernel.kernelspec as k; "
    "print('\\n' + json.dumps({'resource_dir': str(k.RESOURCES), 'spec': k.get_kernel_dict()}))";

/// Where an interpreter, or ipykernel, would appear, disappear or be replaced.
std::vector<fs::path> paths_to_watch(const fs::path& prefix) {
  std::vector<fs::path> paths{prefix / "bin" / "python", prefix / "bin" / "python3", prefix / "lib"};
  for (const auto& library : library_directories(prefix)) {
    paths.push_back(library / "site-packages");
    paths.push_back(library / "dist-packages");
  }
  return paths;
}

bool is_current(const fs::path& path, const std::expected<FileStamp, int>& earlier) {
  const auto now = stamp_of(path);
  if (!now || !earlier) return now.has_value() == earlier.has_value();
  return now->unchanged_since(*earlier);
}

Result<KernelSpec> read_answer(const fs::path& interpreter, std::string_view printed) {
  printed = trim(printed);
  const auto newline = printed.rfind('\n');
  const auto line = newline == std::string_view::npos ? printed : printed.substr(newline + 1);
  const auto answer = nlohmann::ordered_json::parse(line, nullptr, false);
  if (!answer.is_object() || !answer.contains("spec") || !answer.contains("resource_dir") ||
      !answer["resource_dir"].is_string())
    return make_error(ErrorCode::protocol,
                      "{} did not describe its ipykernel: is its sitecustomize printing at exit?",
                      interpreter.string());
  const fs::path resource_dir = answer["resource_dir"].get<std::string>();
  auto spec = parse_kernel_spec(native_kernel_name, resource_dir, answer["spec"].dump());
  if (spec) spec->resources = list_kernel_spec_resources(resource_dir);
  return spec;
}

Result<KernelSpec> ask_interpreter(const fs::path& prefix, std::chrono::milliseconds timeout) {
  const auto interpreter = find_interpreter(prefix);
  if (!interpreter) return make_error(ErrorCode::not_found, "{} has no bin/python", prefix.string());
  const auto printed = run_python(*interpreter, probe_script, timeout);
  if (!printed) return std::unexpected(printed.error());
  return read_answer(*interpreter, *printed);
}

}  // namespace

NativeKernel::NativeKernel(std::vector<fs::path> prefixes, std::chrono::milliseconds timeout)
    : timeout_(timeout) {
  for (auto& prefix : prefixes)
    candidates_.push_back({.prefix = std::move(prefix), .watched = {}, .answer = {}});
}

Result<KernelSpec> NativeKernel::find() {
  std::string reasons;
  for (auto& candidate : candidates_) {
    const auto& answer = probe(candidate);
    if (answer) return answer;
    if (!reasons.empty()) reasons += "; ";
    reasons += answer.error().message;
  }
  if (candidates_.empty()) reasons = "there is no python3 on PATH";
  return make_error(ErrorCode::not_found, "ipykernel cannot be imported ({})", reasons);
}

std::vector<fs::path> NativeKernel::watched_paths() const {
  std::vector<fs::path> paths;
  for (const auto& candidate : candidates_)
    for (const auto& watched : candidate.watched) paths.push_back(watched.path);
  return paths;
}

const Result<KernelSpec>& NativeKernel::probe(Candidate& candidate) const {
  const bool current = std::ranges::all_of(
      candidate.watched, [](const WatchedPath& watched) { return is_current(watched.path, watched.stamp); });
  if (candidate.answer && current) return *candidate.answer;
  candidate.watched.clear();
  for (auto& path : paths_to_watch(candidate.prefix)) {
    auto stamp = stamp_of(path);
    candidate.watched.push_back({.path = std::move(path), .stamp = std::move(stamp)});
  }
  return candidate.answer.emplace(ask_interpreter(candidate.prefix, timeout_));
}

}  // namespace nextgen_kernels
