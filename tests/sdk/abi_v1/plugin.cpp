/// \file A plugin of the day on which version 1 of the ABI was published.

#include <cstdint>
#include <string>

#include <nextgen_kernels/plugin.h>

namespace nk = nextgen_kernels::plugin;

namespace {

class OldProvisioner : public nk::LocalProvisioner {
 public:
  using LocalProvisioner::LocalProvisioner;

  nk::Json get_provisioner_info() override {
    auto info = LocalProvisioner::get_provisioner_info();
    info["label"] = option("label");
    return info;
  }

 protected:
  void prepare_process(nk::Process& process) override {
    process.environment["OLD_PLUGIN"] = option("label").as_string();
  }
};

class OldClient : public nk::JupyterServerKernelClient {
 public:
  using JupyterServerKernelClient::JupyterServerKernelClient;

  void disconnect() override {
    JupyterServerKernelClient::disconnect();
    if (received_ > 0) nk::log_info("old client: " + std::to_string(received_) + " messages");
  }

 protected:
  nk::Delivery message_received(const nk::Message& message) override {
    ++received_;
    return message.content().find("withhold me") == std::string_view::npos ? nk::Delivery::deliver
                                                                           : nk::Delivery::withhold;
  }

 private:
  std::uint64_t received_ = 0;
};

class OldListener : public nk::Listener {
 public:
  using Listener::Listener;
  void on_message(const nk::Message& message) override {
    if (message.msg_type() == "execute_reply")
      nk::log_info("old listener: reply " + std::to_string(message.number()));
  }
};

}  // namespace

NEXTGEN_KERNELS_PLUGIN(nk::plugin_class<OldProvisioner>("old_plugin:OldProvisioner"),
                       nk::plugin_class<OldClient>("old_plugin:OldClient"),
                       nk::plugin_class<OldListener>("old_plugin:OldListener"))
