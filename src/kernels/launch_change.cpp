#include "kernels/launch_change.h"

#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/strings.h"

namespace nextgen_kernels {
namespace {

// By the first letters of their names: of the interpreter, of IPython's configuration, of the dynamic linker
// and of the C library.
constexpr std::array<std::string_view, 5> read_at_start = {"PYTHON", "IPYTHON", "LD_", "LC_", "LANG"};

bool is_read_at_start(const std::string& name) {
  return std::ranges::any_of(read_at_start, [&name](auto prefix) { return name.starts_with(prefix); });
}

/// JSON in ASCII, for a quoted string of the program below.
std::string ascii_json(const nlohmann::json& value) {
  return value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

// Runs in a namespace of its own, so the user's stays as it is but for `__session__`, which ipykernel makes
// of JPY_SESSION_NAME.
constexpr std::string_view program = R"(
import json, os, sys
place = json.loads(text)
os.environ.update(place["set"])
for name in place["unset"]:
    os.environ.pop(name, None)
os.chdir(place["directory"])
os.environ["PWD"] = place["directory"]
ipython = sys.modules.get("IPython")
shell = ipython.get_ipython() if ipython else None
if shell is not None and "JPY_SESSION_NAME" in place["set"]:
    shell.user_ns["__session__"] = place["set"]["JPY_SESSION_NAME"]
)";

}  // namespace

LaunchChange plan_launch_change(const KernelSpec& spec, const LaunchPlace& from, const LaunchPlace& to) {
  std::map<std::string, std::string> set;
  std::set<std::string> unset;
  for (const auto& [name, value] : to.environment) {
    const auto old = from.environment.find(name);
    if (old == from.environment.end() || old->second != value) set.emplace(name, value);
  }
  for (const auto& [name, value] : from.environment) {
    if (!to.environment.contains(name)) unset.insert(name);
  }
  if (set.empty() && unset.empty() && from.working_directory == to.working_directory) return {};
  if (!to_lower(spec.language).starts_with("python"))
    return {.obstacle = "a running kernel of this language cannot be told its environment and directory"};
  auto names = unset;
  for (const auto& [name, value] : set) names.insert(name);
  if (const auto fixed = std::ranges::find_if(names, is_read_at_start); fixed != names.end())
    return {.obstacle = fmt::format("{} is read only when a process starts", *fixed)};
  const nlohmann::json place = {{"set", set}, {"unset", unset}, {"directory", to.working_directory.string()}};
  return {.code =
              fmt::format("exec({}, {{\"text\": {}}})", ascii_json(program), ascii_json(ascii_json(place)))};
}

}  // namespace nextgen_kernels
