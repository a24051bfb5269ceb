#pragma once

#include <string>

#include "interfaces/kernel_client.h"
#include "plugins/plugin_object.h"

namespace nextgen_kernels {

/// A kernel client of a plugin. What it does not answer in time, or answers wrongly, is an error that names
/// its class; the server goes on.
class PluginKernelClient final : public KernelClient {
 public:
  using Object = PluginObject<nk_client_functions>;

  PluginKernelClient(std::string class_reference, Object object);
  ~PluginKernelClient() override;

  std::string_view class_reference() const override { return class_reference_; }
  Task<Result<void>> connect(const ConnectionInfo& info,
                             std::chrono::steady_clock::duration timeout) override;
  void disconnect() override;
  Result<void> send(const OutgoingMessage& message) override;
  Task<Result<nlohmann::json>> control_request(std::string_view message_type, nlohmann::json content,
                                               std::chrono::steady_clock::duration timeout) override;
  const nlohmann::json& kernel_info() const override { return kernel_info_; }

 private:
  Executor executor() const { return object_.context().executor(); }

  std::string class_reference_;
  Object object_;
  nlohmann::json kernel_info_;
};

}  // namespace nextgen_kernels
