#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/file_stamp.h"
#include "kernelspecs/change_watch.h"
#include "kernelspecs/kernel_spec.h"
#include "kernelspecs/native_kernel.h"

namespace nextgen_kernels {

/// What became of a kernel spec that was found.
enum class KernelSpecStatus {
  usable,
  broken,       ///< Its kernel.json cannot be read or is wrong.
  unavailable,  ///< It needs what is not here, such as a provisioner.
  not_allowed,  ///< The allow-list does not have it.
  shadowed,     ///< One of the same name comes earlier on the search path.
  absent,       ///< `python3`, which is looked for in any case, is nowhere.
};

/// The snake_case name of a status, as it appears in JSON.
std::string_view to_string(KernelSpecStatus status);

/// One kernel spec that was found: what it says, or why it cannot be used.
struct KernelSpecEntry {
  std::string name;
  std::filesystem::path resource_dir;  ///< Empty when absent.
  KernelSpecStatus status;
  Result<KernelSpec> spec;  ///< Holds a spec exactly when the status is `usable`.
};

struct KernelSpecManagerOptions {
  /// Jupyter's data directories, highest priority first; specs are in `kernels/` of each.
  std::vector<std::filesystem::path> data_path;
  /// Names that may be used (`KernelSpecManager.allowed_kernelspecs`); empty allows all.
  std::set<std::string> allowed_kernelspecs;
  /// Offer `python3` from an importable ipykernel when no directory has it
  /// (`KernelSpecManager.ensure_native_kernel`).
  bool ensure_native_kernel = true;
  /// Python environments to look for ipykernel in.
  std::vector<std::filesystem::path> python_prefixes;
  std::chrono::milliseconds python_timeout = std::chrono::seconds(15);
  /// Why a spec cannot be started here, if so. Asked by one thread at a time: must be quick and not use the
  /// manager. A yes holds as long as the listing; a no is asked for again every time.
  std::function<Result<void>(const KernelSpec&)> check_availability;
};

/// The kernel specs installed on this machine, in Jupyter's search order: of two with the same name the first
/// wins. A listing holds until the operating system reports a change, and in any case, for file systems that
/// report none, for `trusted_for`; then a file is read again only when it changed. Owned by the application.
/// Thread safe; all but `known_entries` block on the file system (and, for `python3` without a kernel.json,
/// on one run of an interpreter), so event loops leave them to the blocking pool.
class KernelSpecManager {
 public:
  using Entries = std::vector<KernelSpecEntry>;

  static constexpr auto trusted_for = std::chrono::seconds(10);

  explicit KernelSpecManager(KernelSpecManagerOptions options);

  /// All that was found, in search order, usable or not. Of a name that occurs several times the first is the
  /// one that counts; the others say which one hides them.
  std::vector<KernelSpecEntry> list();

  /// The last listing, when nothing has changed since; otherwise nothing, and `list` finds out. Does not
  /// block.
  std::shared_ptr<const Entries> known_entries();

  /// The spec of this name, whatever its case. `not_found` with Jupyter's own text when there is none,
  /// `unavailable` with the reason when there is one that cannot be used.
  Result<KernelSpec> get_kernel_spec(std::string_view name);

  /// The Python environments that are looked at for ipykernel.
  const std::vector<std::filesystem::path>& python_prefixes() const { return options_.python_prefixes; }

 private:
  struct CachedSpec {
    std::expected<FileStamp, int> directory;
    std::expected<FileStamp, int> kernel_json;
    Result<KernelSpec> spec;
  };
  struct CachedDirectory {
    std::optional<FileStamp> stamp;
    std::vector<std::string> children;
    std::map<std::string, CachedSpec> specs;
  };

  enum class Watched { all, some, new_ones };

  std::vector<KernelSpecEntry> find_entries();
  Watched watch_everything();
  std::uint64_t count_changes();
  void remember(const Entries& entries, std::uint64_t changes_before);
  KernelSpecEntry make_entry(std::string name, const std::filesystem::path& resource_dir,
                             Result<KernelSpec> spec) const;
  std::optional<KernelSpecEntry> native_entry();
  void refresh(const std::filesystem::path& kernels_dir, CachedDirectory& cached);
  void refresh_spec(const std::filesystem::path& kernels_dir, const std::string& child,
                    std::map<std::string, CachedSpec>& specs);
  Result<KernelSpec> load(const std::string& child, const std::filesystem::path& resource_dir);
  bool is_allowed(const std::string& name) const;
  /// Logs the message unless it is the subject's last one; an empty message forgets that.
  void warn_once(const std::string& subject, const std::string& message);

  const KernelSpecManagerOptions options_;
  ChangeWatch watch_;
  std::mutex listing_mutex_;
  // Guarded by listing_mutex_, which nobody holds for long:
  std::uint64_t changes_ = 0;
  std::shared_ptr<const Entries> listing_;
  std::chrono::steady_clock::time_point listed_at_;
  std::mutex mutex_;
  // Guarded by mutex_:
  std::map<std::filesystem::path, CachedDirectory> directories_;
  NativeKernel native_kernel_;
  std::map<std::string, std::string> warned_;
};

}  // namespace nextgen_kernels
