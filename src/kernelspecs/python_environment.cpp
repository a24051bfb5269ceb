#include "kernelspecs/python_environment.h"

#include <algorithm>
#include <system_error>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/file_stamp.h"
#include "base/shell.h"

namespace nextgen_kernels {
namespace {

namespace fs = std::filesystem;

constexpr auto own_environment = "~/.venvs/ipykernel";

bool is_there(const fs::path& path) {
  return stamp_of(path).has_value();
}

bool is_virtual_environment(const fs::path& prefix) {
  return is_there(prefix / "pyvenv.cfg");
}

bool has_pip(const fs::path& prefix) {
  return std::ranges::any_of(library_directories(prefix), [](const fs::path& library) {
    return is_there(library / "site-packages/pip") || is_there(library / "dist-packages/pip");
  });
}

std::vector<std::string> commands_in_new_environment(const std::string& interpreter) {
  return {fmt::format("{} -m venv {}", interpreter, own_environment),
          fmt::format("{}/bin/pip install ipykernel", own_environment),
          fmt::format("{}/bin/python -m ipykernel install --user", own_environment)};
}

}  // namespace

std::optional<fs::path> find_interpreter(const fs::path& prefix) {
  for (const auto* name : {"python", "python3"}) {
    auto interpreter = prefix / "bin" / name;
    if (const auto stamp = stamp_of(interpreter); stamp && stamp->is_regular()) return interpreter;
  }
  return std::nullopt;
}

std::vector<fs::path> library_directories(const fs::path& prefix) {
  std::vector<fs::path> directories;
  std::error_code failed;
  for (fs::directory_iterator entry(prefix / "lib", failed), end; !failed && entry != end;
       entry.increment(failed)) {
    if (entry->path().filename().string().starts_with("python")) directories.push_back(entry->path());
  }
  std::ranges::sort(directories);
  return directories;
}

bool is_externally_managed(const fs::path& prefix) {
  if (is_virtual_environment(prefix)) return false;
  return std::ranges::any_of(library_directories(prefix), [](const fs::path& library) {
    return is_there(library / "EXTERNALLY-MANAGED");
  });
}

std::vector<std::string> ipykernel_commands(const std::vector<fs::path>& prefixes) {
  for (const auto& prefix : prefixes) {
    const auto interpreter = find_interpreter(prefix);
    if (!interpreter) continue;
    const auto python = shell_quote(interpreter->native());
    const auto install = python + " -m pip install ipykernel";
    if (has_pip(prefix) && !is_externally_managed(prefix)) return {install};
    if (is_virtual_environment(prefix)) return {python + " -m ensurepip", install};
    return commands_in_new_environment(python);
  }
  return commands_in_new_environment("python3");
}

std::string explain_missing_ipykernel(std::string_view output) {
  // As `python -m` says it: "/usr/bin/python3: No module named ipykernel_launcher".
  const auto complaint = output.find(": No module named ipykernel");
  if (complaint == std::string_view::npos) return {};
  auto interpreter = output.substr(0, complaint);
  if (const auto newline = interpreter.rfind('\n'); newline != std::string_view::npos)
    interpreter.remove_prefix(newline + 1);
  const auto commands = ipykernel_commands({fs::path(interpreter).parent_path().parent_path()});
  return fmt::format("Its Python has no ipykernel. To install it, run: {}", fmt::join(commands, " && "));
}

}  // namespace nextgen_kernels
