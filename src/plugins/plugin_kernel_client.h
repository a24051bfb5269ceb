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
  Task<Result<void>> connect(ConnectionInfo info, std::chrono::steady_clock::duration timeout) override;
  nlohmann::json adoption_record() const override;
  Task<Result<Answer>> reconnect(ConnectionInfo info, nlohmann::json record,
                                 std::chrono::steady_clock::duration timeout) override;
  void disconnect() override;
  Result<void> send(const OutgoingMessage& message) override;
  std::size_t unsent_bytes(Channel channel) const override { return object_.context().unsent_bytes(channel); }
  Task<Result<nlohmann::json>> control_request(std::string message_type, nlohmann::json content,
                                               std::chrono::steady_clock::duration timeout) override;
  Task<Result<nlohmann::json>> shell_request(std::string message_type, nlohmann::json content,
                                             std::chrono::steady_clock::duration timeout) override;
  std::optional<std::chrono::steady_clock::time_point> silent_since() const override;
  const nlohmann::json& kernel_info() const override { return kernel_info_; }

 private:
  using RequestFunction = void (*)(void* self, nk_string message_type, nk_string content,
                                   std::uint64_t timeout_milliseconds, nk_reply reply);

  /// What was answered to a connect; the connection is closed when that is no JSON object.
  Result<void> take_kernel_info(const std::string& text);
  Task<Result<nlohmann::json>> request(RequestFunction function, std::string message_type,
                                       nlohmann::json content, std::chrono::steady_clock::duration timeout);
  Executor executor() const { return object_.context().executor(); }

  std::string class_reference_;
  Object object_;
  nlohmann::json kernel_info_;
};

}  // namespace nextgen_kernels
