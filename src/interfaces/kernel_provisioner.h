#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "interfaces/connection_info.h"
#include "kernelspecs/kernel_spec.h"
#include "runtime/child_process.h"
#include "runtime/task.h"

namespace nextgen_kernels {

/// What a provisioner needs to launch one kernel process.
struct LaunchRequest {
  KernelSpec spec;
  std::string kernel_id;
  std::map<std::string, std::string> environment;  ///< Complete, before the spec's own `env` is applied.
  std::filesystem::path working_directory;         ///< Empty: the server's.
};

/// A kernel that a provisioner of a server that is gone launched.
struct AdoptionRequest {
  std::string kernel_id;
  nlohmann::json record;  ///< What that provisioner's `adoption_record` was.
  ConnectionInfo connection_info;
  /// Set when the kernel was launched once more after that, and its server could tell nobody: its process, in
  /// the place of the one that is recorded.
  std::optional<ProcessIdentity> newer_process = {};
};

/// Changes what is about to be started; its error is that of the launch.
using PrepareProcess = std::function<Result<void>(ProcessDescription& process)>;

/// Whether what happens to a kernel process prepares its successor.
enum class ShutdownPurpose { end, restart };

/// Starts a kernel somewhere, watches it, signals it, ends it (jupyter_client's `KernelProvisionerBase`).
/// One object for one kernel, kept over restarts. Owned by the kernel's manager; runs on the kernel's
/// executor.
class KernelProvisioner {
 public:
  virtual ~KernelProvisioner() = default;

  /// The class reference the registry looks a client class up for, `module:Class`.
  virtual std::string_view class_reference() const = 0;

  /// Looks whether a launch would find what it needs, while the process that it is to replace still runs: a
  /// restart that would fail leaves that one alone.
  virtual Task<Result<void>> check_launch(LaunchRequest /*request*/) { co_return Result<void>{}; }

  /// Starts the process. The returned connection info is authoritative.
  virtual Task<Result<ConnectionInfo>> launch_kernel(LaunchRequest request) = 0;

  /// What a launch could not tell yet, because the kernel chooses it (its ports): ends when `info` is
  /// complete. May be cancelled.
  virtual Task<Result<ConnectionInfo>> complete_connection(ConnectionInfo info,
                                                           std::chrono::steady_clock::duration /*timeout*/) {
    co_return info;
  }

  /// The kernel has answered for the first time since it was launched: from now on it runs its users' code.
  virtual void on_kernel_answered(const ConnectionInfo& /*info*/) {}

  /// What a provisioner of this class in another server needs to take the kernel over, should this server end
  /// without ending it; kept on disk. Null when that cannot be done.
  virtual nlohmann::json adoption_record() const { return nullptr; }

  /// Takes over a process that was launched elsewhere, in the place of a launch. `not_found` when it has
  /// ended; after another error it may still have a process. Never touches one that only has its id.
  virtual Task<Result<ConnectionInfo>> adopt_kernel(AdoptionRequest /*request*/) {
    co_return make_error(ErrorCode::unavailable, "Provisioner {} cannot adopt kernels", class_reference());
  }

  /// True from a successful launch until `wait` has ended.
  virtual bool has_process() const = 0;

  /// Ends when the process has. Several may wait at once.
  virtual Task<ExitStatus> wait() = 0;

  /// How the process ended, or nothing while it runs (or before the launch).
  virtual std::optional<ExitStatus> exit_status() const = 0;

  /// A sentence about that end, for the user.
  virtual std::string describe_end() const {
    return fmt::format("The kernel process {}.", exit_status().value_or(ExitStatus{}).describe());
  }

  /// Sends a signal to the process, with its children where possible. No error when it is gone.
  virtual Task<Result<void>> send_signal(int signal_number) = 0;
  virtual Task<Result<void>> terminate(ShutdownPurpose purpose) = 0;
  virtual Task<Result<void>> kill(ShutdownPurpose purpose) = 0;

  /// After the end of the process: frees what it held (connection file, ports); a restart may keep it.
  virtual Task<void> cleanup(ShutdownPurpose purpose) = 0;

  /// What the process printed last (at most 8 KiB), without the secrets of its connection.
  virtual std::string output_tail() const { return {}; }

  /// Why a kernel that could not be reached may be another time, because the next launch goes another way
  /// (other ports, for example): words for the log. Empty when it would go the same way.
  virtual std::string why_launch_again() const { return {}; }

  /// False for kernels that somebody else started: they are detached from, not ended.
  virtual bool owns_kernel() const { return true; }

  /// What identifies the process to a person: `{"pid": 1234}`. Shown in the kernel model.
  virtual nlohmann::json get_provisioner_info() const { return nlohmann::json::object(); }
};

}  // namespace nextgen_kernels
