#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kernels/kernel_manager.h"
#include "kernelspecs/kernel_spec_manager.h"
#include "runtime/blocking_pool.h"
#include "runtime/event.h"
#include "runtime/task_group.h"

namespace nextgen_kernels {

/// Kernels that were started before anybody asked for one, so that a start takes milliseconds. Owned by the
/// `MultiKernelManager`, on its executor; what is in the pool is not listed anywhere.
///
/// For each kernel spec with a pool one task keeps it full: one start at a time, and after a kernel that did
/// not start or died, longer and longer pauses.
class KernelPool {
 public:
  struct Options {
    /// Kernels to keep ready, by the name of the kernel spec.
    std::map<std::string, std::size_t> sizes;
    std::chrono::steady_clock::duration first_pause = std::chrono::seconds(1);
    std::chrono::steady_clock::duration longest_pause = std::chrono::minutes(5);
  };

  /// Makes the manager of a kernel that nobody has asked for yet.
  using MakeKernel = std::function<std::shared_ptr<KernelManager>(KernelSpec spec)>;

  /// `files` is where kernel specs are looked up; it and the specs outlive the pool.
  KernelPool(Executor executor, KernelSpecManager& specs, BlockingPool& files, MakeKernel make_kernel,
             Options options);
  KernelPool(const KernelPool&) = delete;
  KernelPool& operator=(const KernelPool&) = delete;
  ~KernelPool();

  /// Begins to fill the pools that the options name.
  void start();

  /// A kernel that takes requests and can be moved to where this launch would be, or nothing. It is the
  /// caller's from now on. A kernel spec that has a pool by its `metadata.pool` only, gets it by the first
  /// call.
  std::shared_ptr<KernelManager> take(const KernelLaunch& launch);

  /// Ends a kernel that was taken and cannot be used.
  void discard(std::shared_ptr<KernelManager> kernel);

  /// How many kernels of this name are ready.
  std::size_t ready_count(const std::string& name) const;

  /// How many there should be, by the name of the kernel spec.
  std::map<std::string, std::size_t> sizes() const;

  /// Ends the kernels of the pool and starts no more.
  Task<void> stop(ShutdownPatience patience);

  /// Kills them, while `stop` waits for their end.
  void kill_all();

 private:
  struct Pool {
    std::size_t size = 0;
    std::vector<std::shared_ptr<KernelManager>> kernels;
  };

  void keep(const std::string& name, std::size_t size);
  Task<void> keep_full(std::string name);
  Task<bool> add_kernel(std::string name);
  /// Takes out and ends what is dead; true when something was.
  bool discard_lost(Pool& pool);
  std::vector<std::shared_ptr<KernelManager>> list_kernels() const;
  Task<void> end_kernel(std::shared_ptr<KernelManager> kernel, ShutdownPatience patience);

  Executor executor_;
  KernelSpecManager& specs_;
  BlockingPool& files_;
  MakeKernel make_kernel_;
  Options options_;
  std::map<std::string, Pool> pools_;
  bool stopping_ = false;
  Event changed_;
  TaskGroup fillers_;
  TaskGroup endings_;
};

}  // namespace nextgen_kernels
