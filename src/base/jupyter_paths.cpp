#include "base/jupyter_paths.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <optional>
#include <string_view>

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/strings.h"

namespace nextgen_kernels {
namespace {

namespace fs = std::filesystem;

/// The variable's value; nothing when it is unset or empty, which Jupyter takes as the same.
std::optional<std::string> variable(const Environment& environment, const std::string& name) {
  const auto found = environment.find(name);
  if (found == environment.end() || found->second.empty()) return std::nullopt;
  return found->second;
}

template <typename Range, typename Value>
bool contains(const Range& range, const Value& value) {
  return std::ranges::find(range, value) != std::ranges::end(range);
}

/// Jupyter's reading of a boolean variable: set, and not one of the words for no.
std::optional<bool> boolean_variable(const Environment& environment, const std::string& name) {
  const auto found = environment.find(name);
  if (found == environment.end()) return std::nullopt;
  constexpr std::array<std::string_view, 6> words_for_no = {"no", "n", "false", "off", "0", "0.0"};
  return !contains(words_for_no, to_lower(found->second));
}

void append_new(std::vector<fs::path>& paths, const fs::path& path) {
  if (!contains(paths, path)) paths.push_back(path);
}

/// The directories of a `:`-separated list; empty entries, which would mean the current directory, are left
/// out.
std::vector<fs::path> directory_list(std::string_view list) {
  std::vector<fs::path> directories;
  for (auto entry : split(list, ':')) {
    while (entry.size() > 1 && entry.ends_with('/')) entry.remove_suffix(1);
    if (!entry.empty()) append_new(directories, fs::path(entry));
  }
  return directories;
}

std::vector<fs::path> with_subdirectory(std::vector<fs::path> directories, const fs::path& subdirectory) {
  for (auto& directory : directories) directory /= subdirectory;
  return directories;
}

bool is_executable_file(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error) && access(path.c_str(), X_OK) == 0;
}

bool is_virtualenv(const fs::path& prefix) {
  std::error_code error;
  return fs::is_regular_file(prefix / "pyvenv.cfg", error);
}

/// `sys.prefix` of the first `python3` on PATH that tells it: the directory above `bin`, of a virtualenv when
/// it is one, else of the real executable behind the link. Shims of version managers do not lie in a `bin`
/// and tell nothing.
std::optional<fs::path> prefix_of_python(const Environment& environment) {
  for (const auto& directory : directory_list(variable(environment, "PATH").value_or(""))) {
    const auto executable = directory / "python3";
    if (!is_executable_file(executable)) continue;
    if (is_virtualenv(directory.parent_path())) return directory.parent_path();
    std::error_code error;
    const auto real = fs::canonical(executable, error);
    if (!error && real.parent_path().filename() == "bin") return real.parent_path().parent_path();
  }
  return std::nullopt;
}

std::vector<fs::path> default_prefixes(const Environment& environment) {
  for (const auto* name : {"VIRTUAL_ENV", "CONDA_PREFIX"})
    if (const auto prefix = variable(environment, name)) return {fs::path(*prefix)};
  if (auto prefix = prefix_of_python(environment)) return {*std::move(prefix)};
  return {};
}

/// Without a trailing slash, which `std::filesystem` takes for one more, empty component.
fs::path without_trailing_slash(const fs::path& path) {
  const auto normal = path.lexically_normal();
  return normal.has_filename() ? normal : normal.parent_path();
}

bool owned_by_this_user(const fs::path& path) {
  struct stat status{};
  return stat(path.c_str(), &status) == 0 && status.st_uid == geteuid();
}

bool starts_with(const fs::path& path, const fs::path& prefix) {
  return std::ranges::mismatch(prefix, path).in1 == prefix.end();
}

/// True for an active conda environment that is not the shared `base`.
bool is_own_conda_environment(const Environment& environment, const fs::path& prefix) {
  const auto conda_prefix = variable(environment, "CONDA_PREFIX");
  const auto name = variable(environment, "CONDA_DEFAULT_ENV").value_or("base");
  return conda_prefix && starts_with(prefix, without_trailing_slash(*conda_prefix)) && name != "base";
}

bool environment_before_user(const Environment& environment, const std::vector<fs::path>& prefixes) {
  if (const auto preference = boolean_variable(environment, "JUPYTER_PREFER_ENV_PATH")) return *preference;
  return std::ranges::any_of(prefixes, [&environment](const fs::path& prefix) {
    return (is_virtualenv(prefix) || is_own_conda_environment(environment, prefix)) &&
           owned_by_this_user(prefix);
  });
}

/// Python's rule (module `site`): a virtualenv sees the user's packages only when it sees the system's.
bool virtualenv_hides_user_site(const fs::path& prefix) {
  std::ifstream file(prefix / "pyvenv.cfg");
  if (!file) return false;
  for (std::string line; std::getline(file, line);) {
    const auto equals = line.find('=');
    if (equals == std::string::npos) continue;
    const auto key = to_lower(trim(std::string_view(line).substr(0, equals)));
    if (key == "include-system-site-packages")
      return to_lower(trim(std::string_view(line).substr(equals + 1))) != "true";
  }
  return true;
}

/// Where `pip install --user` puts packages; nothing when the Python of the first prefix does not look there.
std::optional<fs::path> python_user_base(const Environment& environment,
                                         const std::vector<fs::path>& prefixes) {
  if (variable(environment, "PYTHONNOUSERSITE")) return std::nullopt;
  if (!prefixes.empty() && virtualenv_hides_user_site(prefixes.front())) return std::nullopt;
  if (const auto base = variable(environment, "PYTHONUSERBASE")) return fs::path(*base);
  return home_directory(environment) / ".local";
}

/// The order of search that data and configuration share.
std::vector<fs::path> search_path(const std::vector<fs::path>& explicit_directories,
                                  const std::vector<fs::path>& user,
                                  const std::vector<fs::path>& environments,
                                  const std::vector<fs::path>& system, bool environments_first) {
  std::vector<fs::path> path = explicit_directories;
  for (const auto* group :
       environments_first ? std::array{&environments, &user} : std::array{&user, &environments})
    for (const auto& directory : *group)
      if (!contains(system, directory)) append_new(path, directory);
  for (const auto& directory : system) append_new(path, directory);
  return path;
}

}  // namespace

fs::path home_directory(const Environment& environment) {
  if (const auto home = variable(environment, "HOME")) return fs::path(*home);
  const auto* entry =
      getpwuid(geteuid());  // NOLINT(concurrency-mt-unsafe): called at start-up, before threads
  if (entry != nullptr && entry->pw_dir != nullptr && *entry->pw_dir != '\0') return fs::path(entry->pw_dir);
  return fs::path("/");
}

JupyterPaths find_jupyter_paths(const Environment& environment, std::vector<fs::path> prefixes) {
  if (prefixes.empty()) prefixes = default_prefixes(environment);
  std::ranges::transform(prefixes, prefixes.begin(), without_trailing_slash);
  const auto home = home_directory(environment);
  const auto path_or = [&environment](const std::string& name, const fs::path& otherwise) {
    const auto value = variable(environment, name);
    return value ? fs::path(*value) : otherwise;
  };
  const bool platform_directories = boolean_variable(environment, "JUPYTER_PLATFORM_DIRS").value_or(false);

  JupyterPaths paths;
  paths.data_dir = path_or("JUPYTER_DATA_DIR", path_or("XDG_DATA_HOME", home / ".local/share") / "jupyter");
  paths.runtime_dir = path_or("JUPYTER_RUNTIME_DIR", paths.data_dir / "runtime");
  paths.config_dir = path_or(
      "JUPYTER_CONFIG_DIR",
      platform_directories ? path_or("XDG_CONFIG_HOME", home / ".config") / "jupyter" : home / ".jupyter");
  std::vector<fs::path> system_data = {"/usr/local/share/jupyter", "/usr/share/jupyter"};
  std::vector<fs::path> system_config = {"/usr/local/etc/jupyter", "/etc/jupyter"};
  if (platform_directories) {
    system_data = with_subdirectory(
        directory_list(variable(environment, "XDG_DATA_DIRS").value_or("/usr/local/share:/usr/share")),
        "jupyter");
    system_config = with_subdirectory(
        directory_list(variable(environment, "XDG_CONFIG_DIRS").value_or("/etc/xdg")), "jupyter");
  }

  std::vector<fs::path> user_data = {paths.data_dir};
  std::vector<fs::path> user_config = {paths.config_dir};
  if (const auto user_base = python_user_base(environment, prefixes)) {
    paths.python_user_base = *user_base;
    append_new(user_data, *user_base / "share/jupyter");
    append_new(user_config, *user_base / "etc/jupyter");
  }
  const bool environments_first = environment_before_user(environment, prefixes);
  paths.data_path =
      search_path(directory_list(variable(environment, "JUPYTER_PATH").value_or("")), user_data,
                  with_subdirectory(prefixes, "share/jupyter"), system_data, environments_first);
  if (!variable(environment, "JUPYTER_NO_CONFIG"))
    paths.config_path =
        search_path(directory_list(variable(environment, "JUPYTER_CONFIG_PATH").value_or("")), user_config,
                    with_subdirectory(prefixes, "etc/jupyter"), system_config, environments_first);
  paths.environment_prefixes = std::move(prefixes);
  return paths;
}

Result<void> create_runtime_directory(const fs::path& directory) {
  std::error_code error;
  if (directory.has_parent_path()) fs::create_directories(directory.parent_path(), error);
  if (error) return make_errno_error("create directory", directory.parent_path().native(), error.value());
  if (mkdir(directory.c_str(), 0700) == 0) return {};
  if (errno != EEXIST) return make_errno_error("create directory", directory.native(), errno);
  struct stat status{};
  if (stat(directory.c_str(), &status) != 0) return make_errno_error("inspect", directory.native(), errno);
  if (!S_ISDIR(status.st_mode))
    return make_error(
        ErrorCode::already_exists,
        "The Jupyter runtime directory {} is a file: remove it, or set JUPYTER_RUNTIME_DIR to a directory",
        directory.native());
  if (status.st_uid != geteuid() && geteuid() != 0)
    return make_error(
        ErrorCode::permission_denied,
        "The Jupyter runtime directory {} belongs to another user (uid {}); connection files with kernel "
        "keys would be open to them: set JUPYTER_RUNTIME_DIR to a directory of your own",
        directory.native(), status.st_uid);
  return {};
}

}  // namespace nextgen_kernels
