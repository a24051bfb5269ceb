#include "discovery/discovery.h"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <optional>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <sys/stat.h>

#include "base/strings.h"
#include "discovery/file_permissions.h"
#include "discovery/open_directory.h"
#include "discovery/plugin_abi_version.h"
#include "discovery/python_distributions.h"

namespace nextgen_kernels {
namespace {

namespace fs = std::filesystem;

/// Why the library of a manifest cannot be loaded, as far as looking at the file tells.
std::string problem_of_library(const PluginManifest& manifest) {
  if (manifest.library.empty()) return {};
  if (manifest.abi != plugin_abi_version)
    return fmt::format(
        "its library was built for version {} of the plugin ABI, and this program has version {}: install a "
        "build of {} for it",
        manifest.abi, plugin_abi_version, manifest.package);
  struct stat file{};
  if (::stat(manifest.library.c_str(), &file) != 0)
    return errno == ENOENT
               ? fmt::format("its library {} is missing", manifest.library.native())
               : make_errno_error("its library cannot be used: stat", manifest.library.native(), errno)
                     .error()
                     .message;
  if (!S_ISREG(file.st_mode)) return fmt::format("its library {} is not a file", manifest.library.native());
  struct stat folder{};
  if (::stat(manifest.library.parent_path().c_str(), &folder) != 0) folder.st_mode = S_ISVTX;
  if (auto danger = danger_of_library(manifest.library, file, folder)) return *std::move(danger);
  return {};
}

class Search {
 public:
  void add_plugin_folder(const fs::path& folder, bool required) {
    const auto directory = OpenDirectory::open(folder.c_str());
    if (!directory) {
      if (required || (directory.error() != ENOENT && directory.error() != ENOTDIR))
        add_problem(folder, "plugin path",
                    make_errno_error("open", folder.native(), directory.error()).error().message);
      return;
    }
    const auto& status = directory->status();
    if (!folders_.emplace(status.st_dev, status.st_ino).second) return;
    if (auto danger = danger_of("This folder of plugins", folder, status))
      return add_problem(folder, "plugin path",
                         fmt::format("{} Nothing in it is used", as_sentence(*danger)));
    const auto names = directory->names();
    if (!names)
      return add_problem(folder, "plugin path",
                         make_errno_error("list", folder.native(), names.error()).error().message);
    for (const auto& name : *names)
      if (name.ends_with(".json") && !name.starts_with('.')) add_manifest(folder / name, *directory);
  }

  void add_python_path(const std::vector<fs::path>& site_packages) {
    auto python = find_python_distributions(site_packages);
    std::ranges::move(python.provisioners, std::back_inserter(found_.provisioners));
    std::ranges::move(python.clients, std::back_inserter(found_.clients));
    std::ranges::move(python.problems, std::back_inserter(found_.problems));
  }

  Discovery take() { return std::move(found_); }

 private:
  void add_manifest(const fs::path& file, const OpenDirectory& directory) {
    const auto content = directory.read(file.filename().c_str(), max_plugin_manifest_size);
    if (!content)
      return add_problem(file, "plugin manifest",
                         content.error() == EFBIG
                             ? fmt::format("it is larger than {} bytes", max_plugin_manifest_size)
                             : make_errno_error("read", file.native(), content.error()).error().message);
    if (auto danger = danger_of("This manifest", file, content->status))
      return add_problem(file, "plugin manifest", fmt::format("{} It is not used", as_sentence(*danger)));
    auto parsed = parse_plugin_manifest(content->text, file);
    if (!parsed) {
      std::string_view complaint = parsed.error().message;
      if (const auto start = file.native() + ": "; complaint.starts_with(start))
        complaint.remove_prefix(start.size());  // The row is about that file.
      return add_problem(file, "plugin manifest", std::string(complaint));
    }
    auto& manifest = parsed->manifest;
    for (auto& warning : parsed->warnings) add_problem(file, manifest.describe(), std::move(warning));
    const auto [first, is_first] =
        packages_.try_emplace(normalized_package_name(manifest.package), found_.plugins.size());
    if (!is_first)
      return add_problem(file, manifest.describe(),
                         fmt::format("package {} has an earlier manifest, {}, which is used instead",
                                     manifest.package, found_.plugins[first->second].manifest.file.native()));
    std::ranges::copy(manifest.provisioners, std::back_inserter(found_.provisioners));
    std::ranges::copy(manifest.clients, std::back_inserter(found_.clients));
    auto unusable = problem_of_library(manifest);
    if (!unusable.empty()) add_problem(file, manifest.describe(), unusable);
    found_.plugins.push_back({std::move(manifest), std::move(unusable)});
  }

  void add_problem(const fs::path& subject, std::string source, std::string message) {
    found_.problems.push_back({subject.native(), std::move(source), std::move(message)});
  }

  Discovery found_;
  std::set<std::pair<dev_t, ino_t>> folders_;              // Those that were read.
  std::unordered_map<std::string, std::size_t> packages_;  // Normalized name to the place in plugins.
};

}  // namespace

Discovery discover(const DiscoveryPaths& paths) {
  Search search;
  for (const auto& folder : paths.plugin_path) search.add_plugin_folder(folder, true);
  for (const auto& data : paths.data_path) search.add_plugin_folder(data / "nextgen_kernels/plugins", false);
  search.add_python_path(paths.python_path);
  return search.take();
}

}  // namespace nextgen_kernels
