#include "kernelspecs/kernel_spec_manager.h"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "base/log.h"
#include "base/strings.h"

namespace nextgen_kernels {
namespace {

namespace fs = std::filesystem;

bool is_valid_name(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  });
}

/// JSON, and so every answer that would carry the name, is UTF-8.
bool is_utf8(const std::string& text) {
  try {
    static_cast<void>(nlohmann::json(text).dump());
    return true;
  } catch (const nlohmann::json::type_error&) {
    return false;
  }
}

/// True when nothing of that name is there, as opposed to something that cannot be looked at.
bool means_missing(int error_number) {
  return error_number == ENOENT || error_number == ENOTDIR;
}

Result<std::vector<std::string>> list_names(const fs::path& directory) {
  std::vector<std::string> names;
  std::error_code failed;
  fs::directory_iterator entry(directory, failed);
  for (; !failed && entry != fs::directory_iterator(); entry.increment(failed))
    names.push_back(entry->path().filename().string());
  if (failed) return make_errno_error("list", directory.string(), failed.value());
  std::ranges::sort(names);
  return names;
}

/// Both looks saw the same file, and the earlier one can be trusted to have seen its last change.
bool is_unchanged(const std::expected<FileStamp, int>& now, const std::expected<FileStamp, int>& earlier) {
  return now && earlier && earlier->settled && now->unchanged_since(*earlier);
}

KernelSpecManagerOptions normalized(KernelSpecManagerOptions options) {
  std::vector<fs::path> unique;
  for (const auto& directory : options.data_path) {
    auto path = directory.lexically_normal();
    if (!path.has_filename() && path.has_relative_path()) path = path.parent_path();
    if (std::ranges::find(unique, path) == unique.end()) unique.push_back(std::move(path));
  }
  options.data_path = std::move(unique);
  std::set<std::string> allowed;
  for (const auto& name : options.allowed_kernelspecs) allowed.insert(to_lower(name));
  options.allowed_kernelspecs = std::move(allowed);
  return options;
}

}  // namespace

std::string_view to_string(KernelSpecStatus status) {
  switch (status) {
    case KernelSpecStatus::usable:
      return "usable";
    case KernelSpecStatus::broken:
      return "broken";
    case KernelSpecStatus::unavailable:
      return "unavailable";
    case KernelSpecStatus::not_allowed:
      return "not_allowed";
    case KernelSpecStatus::shadowed:
      return "shadowed";
    case KernelSpecStatus::absent:
      return "absent";
  }
  return "broken";
}

KernelSpecManager::KernelSpecManager(KernelSpecManagerOptions options)
    : options_(normalized(std::move(options))),
      native_kernel_(options_.python_prefixes, options_.python_timeout) {}

std::vector<KernelSpecEntry> KernelSpecManager::list() {
  if (const auto known = known_entries()) return *known;
  const std::lock_guard lock(mutex_);
  if (const auto known = known_entries()) return *known;  // Found out while we waited.
  // What was read before it was watched may have changed unseen: it is looked at again.
  constexpr int most_attempts = 3;
  for (int attempt = 1;; ++attempt) {
    const auto changes_before = count_changes();
    auto entries = find_entries();
    const auto watched = watch_everything();
    if (watched == Watched::new_ones && attempt < most_attempts) continue;
    // No file tells when what an unavailable spec needs has come.
    const bool settled = std::ranges::none_of(
        entries, [](const auto& entry) { return entry.status == KernelSpecStatus::unavailable; });
    if (watched == Watched::all && settled) remember(entries, changes_before);
    return entries;
  }
}

std::shared_ptr<const KernelSpecManager::Entries> KernelSpecManager::known_entries() {
  count_changes();
  const std::lock_guard lock(listing_mutex_);
  if (listing_ != nullptr && std::chrono::steady_clock::now() - listed_at_ > trusted_for) listing_ = nullptr;
  return listing_;
}

std::uint64_t KernelSpecManager::count_changes() {
  const std::lock_guard lock(listing_mutex_);
  if (watch_.take_changes()) {
    ++changes_;
    listing_ = nullptr;
  }
  return changes_;
}

void KernelSpecManager::remember(const Entries& entries, std::uint64_t changes_before) {
  if (count_changes() != changes_before) return;
  const std::lock_guard lock(listing_mutex_);
  // A change that is reported from here on is seen by the next question.
  listing_ = std::make_shared<const Entries>(entries);
  listed_at_ = std::chrono::steady_clock::now();
}

KernelSpecManager::Watched KernelSpecManager::watch_everything() {
  auto paths = native_kernel_.watched_paths();
  for (const auto& [kernels_dir, directory] : directories_) {
    paths.push_back(kernels_dir);
    for (const auto& child : directory.children) {
      paths.push_back(kernels_dir / child);
      paths.push_back(kernels_dir / child / "kernel.json");  // It may be a link.
    }
  }
  auto watched = Watched::all;
  for (const auto& path : paths) {
    const auto added = watch_.watch(path);
    if (added == ChangeWatch::Added::failed) return Watched::some;
    if (added == ChangeWatch::Added::fresh) watched = Watched::new_ones;
  }
  return watched;
}

Result<KernelSpec> KernelSpecManager::get_kernel_spec(std::string_view name) {
  auto entries = list();
  const auto entry = std::ranges::find(entries, to_lower(name), &KernelSpecEntry::name);
  if (entry == entries.end() || entry->status == KernelSpecStatus::not_allowed ||
      entry->status == KernelSpecStatus::absent)
    return make_error(ErrorCode::not_found, "Kernel spec {} not found", name);
  if (!entry->spec)
    return make_error(ErrorCode::unavailable, "Kernel spec {} cannot be used: {}", name,
                      entry->spec.error().message);
  return std::move(entry->spec);
}

std::vector<KernelSpecEntry> KernelSpecManager::find_entries() {
  std::vector<KernelSpecEntry> entries;
  std::map<std::string, std::pair<fs::path, FileStamp>> first_places;
  for (const auto& data_dir : options_.data_path) {
    const auto kernels_dir = data_dir / "kernels";
    auto& directory = directories_[kernels_dir];
    refresh(kernels_dir, directory);
    for (const auto& [child, cached] : directory.specs) {
      auto entry = make_entry(to_lower(child), kernels_dir / child, cached.spec);
      const auto stamp = cached.directory.value_or(FileStamp{});
      const auto [first, is_first] = first_places.try_emplace(entry.name, entry.resource_dir, stamp);
      if (!is_first) {
        const auto& [path, first_stamp] = first->second;
        if (stamp.same_file(first_stamp)) continue;
        entry.status = KernelSpecStatus::shadowed;
        entry.spec = make_error(ErrorCode::already_exists, "hidden by {}, which comes first", path.string());
      }
      entries.push_back(std::move(entry));
    }
  }
  if (!first_places.contains(std::string(native_kernel_name)))
    if (auto native = native_entry()) entries.insert(entries.begin(), *std::move(native));

  for (const auto& entry : entries) {
    const bool worth_a_warning =
        entry.status == KernelSpecStatus::broken || entry.status == KernelSpecStatus::unavailable;
    warn_once(entry.resource_dir.string(),
              worth_a_warning
                  ? fmt::format("Kernel spec {} cannot be used: {}", entry.name, entry.spec.error().message)
                  : "");
  }
  return entries;
}

KernelSpecEntry KernelSpecManager::make_entry(std::string name, const fs::path& resource_dir,
                                              Result<KernelSpec> spec) const {
  KernelSpecEntry entry{.name = std::move(name),
                        .resource_dir = resource_dir,
                        .status = KernelSpecStatus::usable,
                        .spec = std::move(spec)};
  if (!is_allowed(entry.name)) {
    entry.status = KernelSpecStatus::not_allowed;
    entry.spec = make_error(ErrorCode::permission_denied, "not in KernelSpecManager.allowed_kernelspecs");
  } else if (!entry.spec) {
    entry.status = KernelSpecStatus::broken;
  } else if (options_.check_availability) {
    if (auto available = options_.check_availability(*entry.spec); !available) {
      entry.status = KernelSpecStatus::unavailable;
      entry.spec = std::unexpected(std::move(available.error()));
    }
  }
  return entry;
}

std::optional<KernelSpecEntry> KernelSpecManager::native_entry() {
  const std::string name(native_kernel_name);
  if (!options_.ensure_native_kernel || !is_allowed(name)) return std::nullopt;
  auto spec = native_kernel_.find();
  if (!spec)
    return KernelSpecEntry{.name = name,
                           .resource_dir = {},
                           .status = KernelSpecStatus::absent,
                           .spec = std::unexpected(std::move(spec.error()))};
  const auto resource_dir = spec->resource_dir;
  return make_entry(name, resource_dir, std::move(spec));
}

bool KernelSpecManager::is_allowed(const std::string& name) const {
  return options_.allowed_kernelspecs.empty() || options_.allowed_kernelspecs.contains(name);
}

void KernelSpecManager::refresh(const fs::path& kernels_dir, CachedDirectory& cached) {
  const auto stamp = stamp_of(kernels_dir);
  if (!stamp || !stamp->is_directory()) {
    warn_once(kernels_dir.string(),
              stamp || means_missing(stamp.error())
                  ? ""
                  : make_errno_error("list", kernels_dir.string(), stamp.error()).error().message);
    cached = {};
    return;
  }
  if (!cached.stamp || !cached.stamp->settled || !stamp->unchanged_since(*cached.stamp)) {
    auto names = list_names(kernels_dir);
    warn_once(kernels_dir.string(), names ? "" : names.error().message);
    cached.children = std::move(names).value_or(std::vector<std::string>());
    cached.stamp = *stamp;
    std::erase_if(cached.specs, [&cached](const auto& spec) {
      return !std::ranges::binary_search(cached.children, spec.first);
    });
  }
  for (const auto& child : cached.children) refresh_spec(kernels_dir, child, cached.specs);
}

void KernelSpecManager::refresh_spec(const fs::path& kernels_dir, const std::string& child,
                                     std::map<std::string, CachedSpec>& specs) {
  const auto resource_dir = kernels_dir / child;
  const auto kernel_json = stamp_of(resource_dir / "kernel.json");
  if (kernel_json ? !kernel_json->is_regular() : means_missing(kernel_json.error())) {
    specs.erase(child);
    return;
  }
  const auto directory = stamp_of(resource_dir);
  if (const auto cached = specs.find(child); cached != specs.end() &&
                                             is_unchanged(kernel_json, cached->second.kernel_json) &&
                                             is_unchanged(directory, cached->second.directory))
    return;
  specs.insert_or_assign(
      child,
      CachedSpec{.directory = directory, .kernel_json = kernel_json, .spec = load(child, resource_dir)});
}

Result<KernelSpec> KernelSpecManager::load(const std::string& child, const fs::path& resource_dir) {
  const auto name = to_lower(child);
  if (is_valid_name(name)) return load_kernel_spec(name, resource_dir);
  if (!is_utf8(name))
    return make_error(ErrorCode::invalid_argument, "the name of {} is not UTF-8; rename the directory",
                      resource_dir.string());
  warn_once(
      "name of " + resource_dir.string(),
      fmt::format("Kernel spec directory {} has a name that some clients cannot use: names are made of ASCII "
                  "letters, digits and - . _",
                  resource_dir.string()));
  return load_kernel_spec(name, resource_dir);
}

void KernelSpecManager::warn_once(const std::string& subject, const std::string& message) {
  auto& last = warned_[subject];
  if (!message.empty() && message != last) log_warning("{}", message);
  last = message;
}

}  // namespace nextgen_kernels
