#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "../kernels/kernel_fixture.h"
#include "discovery/plugin_library.h"
#include "plugins/plugin_context.h"
#include "plugins/plugin_host.h"
#include "plugins/plugin_kernel_client.h"
#include "plugins/plugin_provisioner.h"

namespace nextgen_kernels {

/// Kernels whose provisioner and client are of a plugin, of a real library.
class PluginFixture : public KernelFixture {
 protected:
  explicit PluginFixture(std::filesystem::path library = std::filesystem::path(TEST_PLUGINS) /
                                                         "libnk_test_plugin.so") {
    manifest_.package = "test-plugin";
    manifest_.version = "1.0";
    manifest_.library = std::move(library);
    makers_.make_provisioner = [this](std::string_view reference, const Executor& executor, Handover handover,
                                      PrepareProcess prepare) -> Result<std::unique_ptr<KernelProvisioner>> {
      if (reference != LocalProvisioner::reference)
        return make_error(ErrorCode::not_found, "No class {}", reference);
      auto options = provisioner_options_;
      options.prepare_process = std::move(prepare);
      if (handover == Handover::impossible) options.lifetime = ChildLifetime::ours;
      return std::make_unique<LocalProvisioner>(executor, options);
    };
    makers_.make_client = [](std::string_view, MessageSink& sink,
                             const Executor& executor) -> Result<std::unique_ptr<KernelClient>> {
      return std::make_unique<JupyterServerKernelClient>(executor, sink);
    };
  }
  ~PluginFixture() override {
    if (kernel_ != nullptr) run(kernel_->shutdown_kernel({std::chrono::seconds(2)}));
    kernel_.reset();  // Before the makers, which its objects use.
    loop_.poll();
  }

  const nk_class* class_of(const std::string& reference, PluginClassKind kind) {
    const std::lock_guard lock(mutex_);  // Listeners ask in threads of their own.
    if (!library_) {
      auto library = PluginLibrary::load(manifest_, plugin_host());
      if (!library) throw std::runtime_error(library.error().message);
      library_.emplace(*std::move(library));
    }
    const auto found =
        library_->find_class({.reference = ClassReference::parse(reference).value(), .kind = kind});
    if (!found) throw std::runtime_error(found.error().message);
    return *found;
  }

  Result<std::unique_ptr<KernelProvisioner>> make_provisioner(
      const std::string& reference, const nlohmann::json& options = nlohmann::json::object()) {
    auto object = PluginProvisioner::Object::make(
        *class_of(reference, PluginClassKind::provisioner),
        std::make_unique<PluginContext>(loop_.get_executor(), makers_, nullptr),
        {{"kernel_id", "id-of-kernel"}, {"kernel_name", "name-of-spec"}, {"options", options}});
    if (!object) return std::unexpected(object.error());
    return std::make_unique<PluginProvisioner>(reference, *std::move(object));
  }

  Result<std::unique_ptr<KernelClient>> make_client(const std::string& reference, MessageSink& sink) {
    auto object = PluginKernelClient::Object::make(
        *class_of(reference, PluginClassKind::client),
        std::make_unique<PluginContext>(loop_.get_executor(), makers_, &sink),
        {{"kernel_id", "id-of-kernel"}, {"kernel_name", "name-of-spec"}});
    if (!object) return std::unexpected(object.error());
    return std::make_unique<PluginKernelClient>(reference, *std::move(object));
  }

  /// Kernels made from now on have these classes; an empty name keeps the built-in one.
  void use_classes(const std::string& provisioner, const std::string& client,
                   const nlohmann::json& provisioner_options = nlohmann::json::object()) {
    if (!provisioner.empty())
      factories_.make_provisioner = [=, this](const KernelSpec&, const Executor&) {
        return make_provisioner(provisioner, provisioner_options);
      };
    if (client.empty()) return;
    options_.client_class = client;
    factories_.make_client = [this](const std::string& client_class, Conversation& conversation,
                                    const Executor&) { return make_client(client_class, conversation); };
  }

  BaseClassMakers makers_;
  PluginManifest manifest_;
  std::mutex mutex_;
  std::optional<PluginLibrary> library_;
};

}  // namespace nextgen_kernels
