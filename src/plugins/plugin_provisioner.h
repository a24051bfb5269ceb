#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "interfaces/kernel_provisioner.h"
#include "plugins/plugin_object.h"

namespace nextgen_kernels {

/// A provisioner of a plugin. What it does not answer in time, or answers wrongly, is an error that names its
/// class; the server goes on.
class PluginProvisioner final : public KernelProvisioner {
 public:
  using Object = PluginObject<nk_provisioner_functions>;

  /// `patience` is for what is to be answered soon: a kernel is not left waiting for a plugin that does not
  /// answer.
  PluginProvisioner(std::string class_reference, Object object,
                    std::chrono::steady_clock::duration patience = std::chrono::seconds(10));
  ~PluginProvisioner() override;

  std::string_view class_reference() const override { return class_reference_; }
  Task<Result<ConnectionInfo>> launch_kernel(LaunchRequest request) override;
  Task<Result<ConnectionInfo>> complete_connection(ConnectionInfo info,
                                                   std::chrono::steady_clock::duration timeout) override;
  void on_kernel_answered(const ConnectionInfo& info) override;
  nlohmann::json adoption_record() const override;
  Task<Result<ConnectionInfo>> adopt_kernel(AdoptionRequest request) override;
  bool has_process() const override;
  Task<ExitStatus> wait() override;
  std::optional<ExitStatus> exit_status() const override;
  std::string describe_end() const override;
  Task<Result<void>> send_signal(int signal_number) override;
  Task<Result<void>> terminate(ShutdownPurpose purpose) override;
  Task<Result<void>> kill(ShutdownPurpose purpose) override;
  Task<void> cleanup(ShutdownPurpose purpose) override;
  std::string output_tail() const override;
  std::string why_launch_again() const override;
  bool owns_kernel() const override;
  nlohmann::json get_provisioner_info() const override;

 private:
  /// One launch or adoption, from its success to the end of the kernel; shared with the reply that tells the
  /// end.
  struct Run;

  using TextFunction = void (*)(void* self, nk_reply reply);
  using EndFunction = void (*)(void* self, std::int32_t for_restart, nk_reply reply);

  Executor executor() const { return object_.context().executor(); }
  void watch();
  Task<Result<void>> end(EndFunction function, ShutdownPurpose purpose, std::string what);
  Result<std::string> ask(TextFunction function) const;

  std::string class_reference_;
  Object object_;
  std::chrono::steady_clock::duration patience_;
  std::shared_ptr<Run> run_;
};

}  // namespace nextgen_kernels
