#include <cstdint>
#include <string>
#include <vector>

#include <nextgen_kernels/plugin.h>

namespace nk = nextgen_kernels::plugin;

namespace {

constexpr std::int64_t mebibyte = 1024 * 1024;

/// Runs the kernel on this machine, under limits that the system holds it to.
class LimitedProvisioner : public nk::LocalProvisioner {
 public:
  using LocalProvisioner::LocalProvisioner;

 protected:
  /// prlimit sets the limits and becomes the kernel: its process stays the one that the server watches.
  void prepare_process(nk::Process& process) override {
    std::vector<std::string> command = {
        "prlimit", "--as=" + std::to_string(option("memory_mib").as_integer() * mebibyte)};
    if (const auto* files = context().options().find("open_files"))
      command.push_back("--nofile=" + std::to_string(files->as_integer()));
    process.argv.insert(process.argv.begin(), command.begin(), command.end());
    process.environment["LIMITED_KERNEL_MEMORY_MIB"] = option("memory_mib").dump();
  }
};

/// Counts the messages between the kernel and its clients, and says so when the connection is closed.
class CountingClient : public nk::JupyterServerKernelClient {
 public:
  using JupyterServerKernelClient::JupyterServerKernelClient;

  void disconnect() override {
    JupyterServerKernelClient::disconnect();
    if (received_ > 0)
      nk::log_info("Kernel " + context().kernel_id() + ": " + std::to_string(sent_) + " messages sent, " +
                   std::to_string(received_) + " received");
    sent_ = received_ = 0;
  }

 protected:
  nk::Delivery message_received(const nk::Message&) override {
    ++received_;
    return nk::Delivery::deliver;
  }
  void message_sent(const nk::Message&) override { ++sent_; }

 private:
  std::uint64_t sent_ = 0;
  std::uint64_t received_ = 0;
};

}  // namespace

NEXTGEN_KERNELS_PLUGIN(nk::plugin_class<LimitedProvisioner>("limited_kernels:LimitedProvisioner"),
                       nk::plugin_class<CountingClient>("limited_kernels:CountingClient"))
