#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "kernels/culling.h"
#include "kernels/kernel_manager.h"
#include "kernels/kernel_pool.h"
#include "kernelspecs/kernel_spec_manager.h"
#include "runtime/blocking_pool.h"
#include "runtime/task_group.h"

namespace nextgen_kernels {

/// What a caller may say when it starts a kernel (body of POST /api/kernels, and what a session adds).
struct StartKernelRequest {
  std::optional<std::string> kernel_name;  ///< Default: see `choose_default_kernel`.
  std::optional<std::string> kernel_id;    ///< Default: a new UUID. Must match `is_kernel_id`.
  std::string path;                        ///< API path ('/'-separated, below root_dir); may name a file.
  std::map<std::string, std::string> environment;  ///< Added to the server's.
  /// The name of the document that the kernel is for, in the directory of `path`; JPY_SESSION_NAME tells it
  /// to the kernel.
  std::optional<std::string> document_name = std::nullopt;
};

/// What kernels and extensions find in JPY_SESSION_NAME: the document's file, or its API path when it has no
/// name.
std::string document_file(const std::filesystem::path& directory, const std::string& path,
                          const std::string& name);

/// True for what Jupyter accepts as a kernel id in a path: five dash-joined word groups.
bool is_kernel_id(std::string_view text);

/// All kernels of a server, by id (jupyter_server's `MappingKernelManager`). Owned by the application.
class MultiKernelManager {
 public:
  using MakeKernelManager = std::function<std::shared_ptr<KernelManager>(KernelLaunch launch)>;

  struct Options {
    std::string default_kernel_name = "python3";
    std::filesystem::path root_dir;
    std::chrono::steady_clock::duration shutdown_wait_time = std::chrono::seconds(5);
    CullingOptions culling = {};
    KernelPool::Options pool = {};
    std::size_t max_kernels = 0;           ///< Without the dead; 0: no limit.
    std::size_t max_kernels_per_user = 0;  ///< By `KernelManager::username`, empty or not; 0: no limit.
    /// What kernels inherit: the server's environment without its own secrets (JUPYTER_TOKEN).
    std::map<std::string, std::string> base_environment;
  };

  MultiKernelManager(Executor executor, KernelSpecManager& specs, MakeKernelManager make_kernel_manager,
                     Options options);
  MultiKernelManager(const MultiKernelManager&) = delete;
  MultiKernelManager& operator=(const MultiKernelManager&) = delete;
  ~MultiKernelManager();

  /// Ends when the process runs. Errors: unknown kernel spec, id in use, executable not found, too many
  /// kernels (`resource_limit`), too few file descriptors, server stopping. The observers are told of each.
  Task<Result<std::shared_ptr<KernelManager>>> start_kernel(StartKernelRequest request);

  enum class AdoptionPolicy {
    adopt,
    end,  ///< All of them are orphans.
  };

  /// Takes over kernels of servers that are gone; called before anything is served. Ends when it is known of
  /// each whether it could be adopted; those that could not are then being ended. Both is told to the
  /// observers, and in the log.
  Task<void> adopt_kernels(std::vector<AbandonedKernel> abandoned, AdoptionPolicy policy);

  /// Begins to start the kernels that the options want ready before anybody asks.
  void fill_pools() { pool_.start(); }
  const KernelPool& pool() const { return pool_; }

  /// The kernel, or nothing.
  std::shared_ptr<KernelManager> find_kernel(std::string_view kernel_id) const;

  /// The kernel, or upstream's 404 text.
  Result<std::shared_ptr<KernelManager>> get_kernel(std::string_view kernel_id) const;

  /// Upstream's 404 text.
  static Error unknown_kernel(std::string_view kernel_id);

  /// In the order they were started.
  std::vector<std::shared_ptr<KernelManager>> list_kernels() const { return kernels_; }

  /// `KernelManager::restart_kernel`; one that is dead comes back only when there is room for it
  /// (`resource_limit`).
  Task<Result<void>> restart_kernel(std::string kernel_id);

  /// Ends the kernel and forgets it.
  Task<Result<void>> shutdown_kernel(std::string kernel_id);

  /// Refuses new kernels and ends all there are, at once and each within `patience`.
  Task<void> shutdown_all(ShutdownPatience patience);

  /// Kills the processes of all kernels, while `shutdown_all` waits for their end.
  void kill_all();

  /// Told of everything that is done to kernels, or happens to them, as long as this object lives.
  void observe(KernelObserver observer) { observers_.push_back(std::move(observer)); }

  /// Called after a kernel was removed, whoever ended it.
  void on_kernel_removed(std::function<void(const std::string& kernel_id)> callback);

  const std::string& default_kernel_name() const { return options_.default_kernel_name; }
  KernelSpecManager& kernel_specs() { return specs_; }

  /// The directory a kernel for this API path runs in: the nearest existing one, walking up to root_dir.
  /// Fails when the file system does not answer (`BlockingPool::run_for` this user).
  Task<Result<std::filesystem::path>> find_working_directory(std::string username, std::string path);

 private:
  class Seat;

  struct Start;

  Task<Result<Start>> prepare_start(StartKernelRequest request);
  Task<Result<std::shared_ptr<KernelManager>>> start(Start start);
  std::string username_of(const StartKernelRequest& request) const;
  Result<std::unique_ptr<Seat>> take_seat(const std::string& username);
  KernelLaunch launch_of(KernelSpec spec) const;
  Task<std::shared_ptr<KernelManager>> take_from_pool(KernelLaunch launch);
  Task<void> adopt_kernel(AbandonedKernel abandoned, AdoptionPolicy policy);
  Task<void> end_unfinished_start(AbandonedKernel abandoned);
  Task<Result<void>> try_to_adopt(std::shared_ptr<KernelManager> kernel, AbandonedKernel abandoned);
  std::string why_not_adopted(const KernelRecord& record, const Result<KernelSpec>& spec,
                              AdoptionPolicy policy) const;
  Task<void> report_orphan(AbandonedKernel abandoned, KernelSpec spec, std::string reason);
  void end_orphan(const std::shared_ptr<KernelManager>& kernel, const std::string& reason);
  Task<void> end_kernel(std::shared_ptr<KernelManager> kernel, ShutdownCause cause);
  void add(const std::shared_ptr<KernelManager>& kernel);
  void tell(const KernelEvent& event) const;
  void begin_culling();
  Task<void> cull_again_and_again();
  void cull_unused();
  Task<void> cull(std::shared_ptr<KernelManager> kernel, std::string reason);
  /// What the start of a kernel needs to know of files.
  struct LaunchFiles {
    Result<KernelSpec> spec;
    std::filesystem::path working_directory;
    std::filesystem::path path_directory;  ///< Of the request's `path`, wherever the kernel runs.
  };

  LaunchFiles look_at_files(const StartKernelRequest& request) const;
  std::filesystem::path working_directory_for(std::string_view path) const;
  void remove(std::string kernel_id);
  Task<void> remove_later(std::string kernel_id);

  Executor executor_;
  KernelSpecManager& specs_;
  MakeKernelManager make_kernel_manager_;
  Options options_;
  std::vector<std::shared_ptr<KernelManager>> kernels_;
  std::vector<std::function<void(const std::string&)>> removed_callbacks_;
  std::vector<KernelObserver> observers_;
  std::multiset<std::string> starting_;  // The users of kernels that are being started.
  bool stopping_ = false;
  BlockingPool files_{BlockingPool::Limits{.threads = 16, .running_of_user = 4}};
  TaskGroup tasks_;
  TaskGroup culling_;
  KernelPool pool_;
};

}  // namespace nextgen_kernels
