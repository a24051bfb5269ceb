#pragma once

#include "kernel_fixture.h"
#include "kernels/multi_kernel_manager.h"

namespace nextgen_kernels {

/// A manager of synthetic kernels, with kernel specs on disk.
class MultiKernelFixture : public KernelFixture {
 protected:
  MultiKernelFixture() {
    manager_options_ = {.default_kernel_name = "synthetic",
                        .root_dir = directory_ / "root",
                        .base_environment = process_environment()};
    const auto kernels = directory_ / "share" / "kernels";
    write_spec(kernels / "synthetic", {{"argv", {SYNTHETIC_KERNEL, "{connection_file}"}}});
    write_spec(kernels / "missing", {{"argv", {"no-such-program"}}});
    std::filesystem::create_directories(directory_ / "root" / "sub");
    specs_ = std::make_unique<KernelSpecManager>(KernelSpecManagerOptions{.data_path = {directory_ / "share"},
                                                                          .allowed_kernelspecs = {},
                                                                          .ensure_native_kernel = false,
                                                                          .python_prefixes = {},
                                                                          .check_availability = {}});
    make_manager();
  }

  void make_manager() {
    kernels_ = std::make_unique<MultiKernelManager>(
        loop_.get_executor(), *specs_,
        [this](KernelLaunch launch) {
          auto kernel =
              std::make_shared<KernelManager>(loop_.get_executor(), std::move(launch), factories_, options_);
          if (on_made_) on_made_(kernel);
          return kernel;
        },
        manager_options_);
  }
  ~MultiKernelFixture() override { run(kernels_->shutdown_all({std::chrono::seconds(2)})); }

  static void write_spec(const std::filesystem::path& directory, nlohmann::json spec,
                         const std::string& language = "commands") {
    spec["display_name"] = directory.filename().string();
    spec["language"] = language;
    std::filesystem::create_directories(directory);
    std::ofstream(directory / "kernel.json") << spec.dump();
  }

  std::shared_ptr<KernelManager> start(StartKernelRequest request = {}) {
    auto started = run(kernels_->start_kernel(std::move(request)));
    EXPECT_TRUE(started) << started.error().message;
    return started.value_or(nullptr);
  }

  MultiKernelManager::Options manager_options_;
  std::vector<KernelEvent> events_;  ///< For observers: they are told until the destructor has run.
  std::function<void(const std::shared_ptr<KernelManager>&)> on_made_;
  std::unique_ptr<KernelSpecManager> specs_;
  std::unique_ptr<MultiKernelManager> kernels_;
};

}  // namespace nextgen_kernels
