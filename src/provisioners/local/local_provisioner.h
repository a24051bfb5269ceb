#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "interfaces/kernel_provisioner.h"
#include "provisioners/local/kernel_registrar.h"
#include "provisioners/local/local_ports.h"
#include "runtime/oom_kills.h"

namespace nextgen_kernels {

/// Runs the kernel as a child process on this machine, in its own session and process group
/// (jupyter_client's `LocalProvisioner`, whose class reference it carries).
class LocalProvisioner final : public KernelProvisioner {
 public:
  static constexpr std::string_view reference =
      "jupyter_client.provisioning.local_provisioner:LocalProvisioner";

  /// The option of kernel specs (`metadata.kernel_provisioner.config`) that names the transport.
  static constexpr std::string_view transport_option = "transport";

  /// How the kernel's sockets are reached.
  enum class Transport { tcp, ipc };

  struct Options {
    Transport transport = Transport::tcp;  ///< Of kernel specs that name none.
    std::string ip = "127.0.0.1";          ///< Address the kernel binds; for tcp.
    std::filesystem::path runtime_dir;     ///< Holds connection files and ipc sockets; private to the user.
    std::filesystem::path default_prefix;  ///< `{prefix}` of kernel specs outside any environment.
    KernelRegistrar* registrar =
        nullptr;  ///< Of the application; without it all kernels are told their ports.
    /// By kernel spec, what counts instead of its `metadata.registration`.
    std::map<std::string, std::string> registration = {};
    std::filesystem::path system_root = "/";  ///< Where `proc` and `sys` are.
    PrepareProcess prepare_process = {};      ///< May be empty.
    /// `own`: somebody will look for the kernels of a server that was killed; they must not end with it.
    ChildLifetime lifetime = ChildLifetime::ours;
  };

  LocalProvisioner(Executor executor, Options options);
  ~LocalProvisioner() override;

  std::string_view class_reference() const override { return reference; }
  Task<Result<void>> check_launch(LaunchRequest request) override;
  Task<Result<ConnectionInfo>> launch_kernel(LaunchRequest request) override;
  Task<Result<ConnectionInfo>> complete_connection(ConnectionInfo info,
                                                   std::chrono::steady_clock::duration timeout) override;
  void on_kernel_answered(const ConnectionInfo& info) override;
  nlohmann::json adoption_record() const override;
  Task<Result<ConnectionInfo>> adopt_kernel(AdoptionRequest request) override;
  bool has_process() const override { return process_ != nullptr && !process_->exit_status(); }
  Task<ExitStatus> wait() override;
  std::optional<ExitStatus> exit_status() const override;
  Task<Result<void>> send_signal(int signal_number) override;
  Task<Result<void>> terminate(ShutdownPurpose purpose) override;
  Task<Result<void>> kill(ShutdownPurpose purpose) override;
  Task<void> cleanup(ShutdownPurpose purpose) override;
  std::string describe_end() const override;
  std::string output_tail() const override;
  std::string why_launch_again() const override;
  nlohmann::json get_provisioner_info() const override;

 private:
  Result<ConnectionInfo> prepare_connection(const LaunchRequest& request);
  Result<Transport> transport_for(const KernelSpec& spec) const;
  Result<void> prepare_endpoints();
  Result<void> check_command(const LaunchRequest& request) const;
  bool stays_as_it_is(const LaunchRequest& request) const;
  ProcessDescription describe_process(const LaunchRequest& request) const;
  Result<std::unique_ptr<ChildProcess>> launch_process(ProcessDescription description) const;
  Result<void> describe_newer_process(AdoptionRequest& request) const;
  Result<void> check_connection_file(const ConnectionInfo& info) const;
  std::string socket_stem() const;
  void remove_ipc_sockets() const;

  Executor executor_;
  Options options_;
  Transport transport_;
  std::optional<LocalPorts> ports_;
  std::string key_;
  std::filesystem::path connection_file_;
  std::unique_ptr<ChildProcess> process_;
  std::optional<OomKills> oom_kills_at_launch_;
  std::string registering_;  ///< The kernel id that is to register its ports; empty: it was told them.
  bool registration_failed_ = false;  ///< Kernels of this spec do not register, whatever the spec says.
  bool killed_here_ = false;          ///< It was sent SIGKILL by us.
};

}  // namespace nextgen_kernels
