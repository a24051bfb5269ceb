#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "interfaces/kernel_provisioner.h"
#include "runtime/event.h"
#include "runtime/task_group.h"
#include "runtime/zmq_socket.h"

namespace nextgen_kernels {

/// Attaches to a kernel that somebody else started, by its connection file, and never ends it: shutting the
/// kernel down here detaches from it.
///
/// A kernel spec asks for it with
///
///     "metadata": {"kernel_provisioner": {"provisioner_name": "existing-provisioner",
///                                         "config": {"connection_file": "kernel-1234.json"}}}
///
/// A file name without a folder is looked for in Jupyter's runtime directory, as `jupyter console --existing`
/// does. There is no process to watch: the kernel has ended when its heartbeat port has taken no connection
/// for `Options::reconnect_patience` after it had one.
class ExistingProvisioner final : public KernelProvisioner {
 public:
  static constexpr std::string_view reference =
      "nextgen_kernels_api.provisioning.existing_provisioner:ExistingProvisioner";

  struct Options {
    std::filesystem::path runtime_dir;
    std::chrono::steady_clock::duration reconnect_patience = std::chrono::seconds(5);
  };

  /// The context outlives the provisioner.
  ExistingProvisioner(Executor executor, Options options);

  std::string_view class_reference() const override { return reference; }
  Task<Result<ConnectionInfo>> launch_kernel(LaunchRequest request) override;
  /// It attaches to the kernel as any server would.
  nlohmann::json adoption_record() const override;
  Task<Result<ConnectionInfo>> adopt_kernel(AdoptionRequest request) override;
  bool has_process() const override { return attached_; }
  Task<ExitStatus> wait() override;
  std::optional<ExitStatus> exit_status() const override;
  /// Not ours to signal: always an error.
  Task<Result<void>> send_signal(int signal_number) override;
  /// Detaches.
  Task<Result<void>> terminate(ShutdownPurpose purpose) override;
  Task<Result<void>> kill(ShutdownPurpose purpose) override;
  Task<void> cleanup(ShutdownPurpose purpose) override;
  bool owns_kernel() const override { return false; }
  std::string describe_end() const override;
  nlohmann::json get_provisioner_info() const override;

 private:
  Result<ConnectionInfo> attach(std::filesystem::path file);
  void watch(const ConnectionInfo& info);
  void on_connection(ZmqConnectionEvent event);
  Task<void> detach_later();
  void detach();

  Executor executor_;
  Options options_;
  std::filesystem::path connection_file_;
  bool attached_ = false;
  std::unique_ptr<ZmqSocket> heartbeat_;  ///< Only its connection matters.
  Event changed_;
  TaskGroup tasks_;
};

}  // namespace nextgen_kernels
