#include "discovery/python_distributions.h"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <optional>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/strings.h"
#include "discovery/entry_points_file.h"
#include "discovery/open_directory.h"

namespace nextgen_kernels {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t max_entry_points_size = std::size_t{1024} * 1024;
/// More paths in link files are not looked at.
constexpr std::size_t most_links = 1000;

/// The name and, where it is known, the version in the name of a metadata folder:
/// `spark_kernels-1.2.dist-info`, `spark_kernels-1.2-py3.11.egg-info`, `spark_kernels.egg-info`.
struct DistributionName {
  std::string_view name;
  std::string_view version;
};

std::optional<DistributionName> read_folder_name(std::string_view folder) {
  std::string_view stem;
  for (const std::string_view suffix : {".dist-info", ".egg-info"})
    if (folder.ends_with(suffix)) stem = folder.substr(0, folder.size() - suffix.size());
  const auto pieces = split(stem, '-');
  // pip renames what it is about to remove so that it begins with a tilde.
  if (pieces.empty() || pieces[0].empty() || pieces[0].starts_with('~')) return std::nullopt;
  return DistributionName{pieces[0], pieces.size() > 1 ? pieces[1] : std::string_view()};
}

/// "spark_kernels 1.2"
std::string describe(const DistributionName& distribution) {
  return fmt::format("{}{}{}", replace_invalid_utf8(distribution.name),
                     distribution.version.empty() ? "" : " ", replace_invalid_utf8(distribution.version));
}

/// What an entry point says, whoever says it.
std::string words_of(const EntryPoint& entry_point) {
  return fmt::format("{} = {}", entry_point.name, entry_point.value);
}

bool is_link_file(std::string_view name) {
  return !name.starts_with('.') && (name.ends_with(".pth") || name.ends_with(".egg-link"));
}

class DistributionScan {
 public:
  void add_folder(const fs::path& folder) {
    const auto directory = OpenDirectory::open(folder.c_str());
    if (!directory)
      return add_problem(folder.native(),
                         make_errno_error("open", folder.native(), directory.error()).error().message);
    const auto names = directory->names();
    if (!names)
      return add_problem(folder.native(),
                         make_errno_error("list", folder.native(), names.error()).error().message);
    folders_.emplace(directory->status().st_dev, directory->status().st_ino);
    for (const auto& name : *names) {
      if (const auto distribution = read_folder_name(name))
        add_distribution(folder, *directory, name, *distribution);
      else if (is_link_file(name))
        add_link_file(folder, *directory, name);
    }
  }

  /// After the folders: looks where link files lead to.
  PythonDistributions take() {
    for (const auto& [file, target] : links_) look_behind(file, target);
    return std::move(found_);
  }

 private:
  using Directory = std::pair<dev_t, ino_t>;
  struct Link {
    fs::path file;
    fs::path target;
  };

  void add_distribution(const fs::path& folder, const OpenDirectory& directory, const std::string& metadata,
                        const DistributionName& distribution) {
    const auto path = folder / metadata / "entry_points.txt";
    const auto said = describe(distribution);
    const auto [first, is_first] = seen_.try_emplace(normalized_package_name(distribution.name));
    auto entry_points = read_entry_points(directory, path, said);
    if (!is_first) return report_hidden(said, path, entry_points, first->second);
    first->second.path = folder / metadata;
    for (const auto* list : {&entry_points.provisioners, &entry_points.clients})
      for (const auto& entry_point : *list) first->second.words.insert(words_of(entry_point));
    std::ranges::move(entry_points.provisioners, std::back_inserter(found_.provisioners));
    std::ranges::move(entry_points.clients, std::back_inserter(found_.clients));
    for (auto& problem : entry_points.problems) add_problem(path, std::move(problem), said);
  }

  /// Those of a distribution, without its problems when it is not used.
  EntryPointsFile read_entry_points(const OpenDirectory& directory, const fs::path& path,
                                    const std::string& said) {
    const auto name = path.parent_path().filename() / path.filename();
    const auto file = directory.read(name.c_str(), max_entry_points_size);
    if (file) return parse_entry_points(file->text, said, path.native());
    // An egg-info may be a file; most distributions have no entry points.
    if (file.error() == ENOENT || file.error() == ENOTDIR) return {};
    EntryPointsFile unreadable;
    unreadable.problems.push_back(
        file.error() == EFBIG
            ? fmt::format("it is larger than {} bytes and was not read", max_entry_points_size)
            : make_errno_error("read", path.native(), file.error()).error().message);
    return unreadable;
  }

  struct Used {
    fs::path path = {};
    std::unordered_set<std::string> words = {};
  };

  /// A row only for those who lose something by it: most distributions that are there twice are the same.
  void report_hidden(const std::string& said, const fs::path& path, const EntryPointsFile& hidden,
                     const Used& used) {
    for (const auto* list : {&hidden.provisioners, &hidden.clients})
      for (const auto& entry_point : *list)
        if (!used.words.contains(words_of(entry_point)))
          return add_problem(path,
                             fmt::format("it is not used, because {} comes first: uninstall one of the two",
                                         used.path.native()),
                             said);
  }

  void add_link_file(const fs::path& folder, const OpenDirectory& directory, const std::string& name) {
    const auto file = directory.read(name.c_str(), max_entry_points_size);
    if (!file) return;  // Python ignores it, too.
    const bool is_egg_link = name.ends_with(".egg-link");
    for (const auto line : split(file->text, '\n')) {
      const auto text = trim(line);
      // Lines of a .pth file that begin with "import" are run.
      const bool is_path = !text.empty() && !text.starts_with('#') &&
                           (is_egg_link || (!text.starts_with("import ") && !text.starts_with("import\t")));
      if (is_path && links_.size() < most_links)
        links_.push_back({.file = folder / name, .target = folder / std::string(text)});
      if (is_egg_link) return;  // The second line is about its source.
    }
  }

  void look_behind(const fs::path& file, const fs::path& target) {
    const auto directory = OpenDirectory::open(target.c_str());
    if (!directory) return;
    if (!folders_.emplace(directory->status().st_dev, directory->status().st_ino).second) return;
    for (const auto& name : directory->names().value_or(std::vector<std::string>())) {
      const auto distribution = read_folder_name(name);
      if (!distribution || seen_.contains(normalized_package_name(distribution->name))) continue;
      const auto said = describe(*distribution);
      const auto entry_points = read_entry_points(*directory, target / name / "entry_points.txt", said);
      if (entry_points.provisioners.empty() && entry_points.clients.empty()) continue;
      add_problem(file,
                  fmt::format("it leads to {}, whose entry points are not read: install {} without links, or "
                              "name that folder in KernelClientRegistry.python_path, too",
                              target.lexically_normal().native(), said),
                  said);
    }
  }

  void add_problem(const fs::path& subject, std::string message,
                   std::string source = "Python distributions") {
    found_.problems.push_back({subject.native(), std::move(source), std::move(message)});
  }

  PythonDistributions found_;
  std::unordered_map<std::string, Used> seen_;  // By normalized name.
  std::set<Directory> folders_;                 // Those that were looked at.
  std::vector<Link> links_;
};

bool is_a_directory(const fs::path& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

bool is_python_version_folder(std::string_view name) {
  constexpr std::string_view start = "python3.";
  return name.size() > start.size() && name.starts_with(start) &&
         std::ranges::all_of(name.substr(start.size()),
                             [](char c) { return (c >= '0' && c <= '9') || c == 't'; });
}

/// `python3.11` for the environment whose `bin/python3` leads to an executable of that name.
std::optional<std::string> python_version_of(const fs::path& prefix) {
  std::error_code error;
  auto name = fs::canonical(prefix / "bin/python3", error).filename().native();
  if (error || !is_python_version_folder(name)) return std::nullopt;
  return name;
}

/// The `python3.*` folders of a library folder: the one of that version, else all, the latest first.
std::vector<std::string> version_folders(const fs::path& library, const std::optional<std::string>& version) {
  if (version) return {*version};
  const auto directory = OpenDirectory::open(library.c_str());
  auto names =
      directory ? directory->names().value_or(std::vector<std::string>()) : std::vector<std::string>();
  std::erase_if(names, [](const std::string& name) { return !is_python_version_folder(name); });
  // 3.9 comes before 3.11.
  std::ranges::sort(names, [](const std::string& left, const std::string& right) {
    return std::pair(left.size(), left) > std::pair(right.size(), right);
  });
  return names;
}

class PythonPath {
 public:
  void add_folders_of(const fs::path& prefix, const std::optional<std::string>& version) {
    for (const auto& name : version_folders(prefix / "local/lib", version))
      add(prefix / "local/lib" / name / "dist-packages");
    for (const auto* library : {"lib", "lib64"})
      for (const auto& name : version_folders(prefix / library, version))
        add(prefix / library / name / "site-packages");
    add(prefix / "lib/python3/dist-packages");
    for (const auto& name : version_folders(prefix / "lib", version))
      add(prefix / "lib" / name / "dist-packages");
  }

  std::vector<fs::path> take() { return std::move(folders_); }

 private:
  void add(fs::path folder) {
    if (is_a_directory(folder) && std::ranges::find(folders_, folder) == folders_.end())
      folders_.push_back(std::move(folder));
  }

  std::vector<fs::path> folders_;
};

}  // namespace

PythonDistributions find_python_distributions(std::span<const fs::path> site_packages) {
  DistributionScan scan;
  for (const auto& folder : site_packages) scan.add_folder(folder);
  return scan.take();
}

std::vector<fs::path> default_python_path(std::span<const fs::path> environment_prefixes,
                                          const fs::path& user_base) {
  PythonPath path;
  if (!user_base.empty())
    path.add_folders_of(user_base, environment_prefixes.empty()
                                       ? std::nullopt
                                       : python_version_of(environment_prefixes.front()));
  for (const auto& prefix : environment_prefixes) path.add_folders_of(prefix, python_version_of(prefix));
  return path.take();
}

std::string normalized_package_name(std::string_view name) {
  std::string normalized;
  for (const char c : to_lower(name)) {
    const bool separator = c == '-' || c == '_' || c == '.';
    if (!separator)
      normalized += c;
    else if (!normalized.ends_with('-'))
      normalized += '-';
  }
  return normalized;
}

}  // namespace nextgen_kernels
