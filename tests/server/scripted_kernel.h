#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "interfaces/kernel_client.h"
#include "interfaces/kernel_provisioner.h"
#include "runtime/event.h"

namespace nextgen_kernels {

/// What the kernels of a test do, and what was done to them. Touched on the event loop only.
struct KernelScript {
  using Time = std::chrono::steady_clock::time_point;

  explicit KernelScript(const Executor& executor) : changed(executor) {}

  Event changed;
  bool launch_allowed = true;   ///< False: launches wait.
  bool connect_allowed = true;  ///< False: kernels stay in the state `starting`.
  std::optional<Error> launch_error;
  std::optional<Error> interrupt_error;
  int launches = 0;
  int interrupts = 0;
  std::vector<LaunchRequest> launch_requests;
  std::vector<OutgoingMessage> sent;
  std::optional<Time> silent_since;
  KernelClient* client = nullptr;  ///< The newest one.

  void change(bool& flag, bool value) {
    flag = value;
    changed.notify_all();
  }
};

/// A provisioner without a process: it runs until somebody ends it.
class ScriptedProvisioner final : public KernelProvisioner {
 public:
  ScriptedProvisioner(const Executor& executor, KernelScript& script) : script_(script), ended_(executor) {}

  std::string_view class_reference() const override { return "tests.provisioners:ScriptedProvisioner"; }

  Task<Result<ConnectionInfo>> launch_kernel(LaunchRequest request) override {
    ++script_.launches;
    script_.launch_requests.push_back(request);
    while (!script_.launch_allowed) co_await script_.changed.wait();
    if (script_.launch_error) co_return std::unexpected(*script_.launch_error);
    running_ = true;
    status_.reset();
    co_return ConnectionInfo{{"scripted", true}};
  }
  Task<Result<ConnectionInfo>> adopt_kernel(AdoptionRequest request) override {
    if (request.record != "adoptable") co_return make_error(ErrorCode::unavailable, "not to be had");
    running_ = true;
    co_return request.connection_info;
  }
  bool has_process() const override { return running_; }
  Task<ExitStatus> wait() override {
    while (running_) co_await ended_.wait();
    co_return status_.value_or(ExitStatus{});
  }
  std::optional<ExitStatus> exit_status() const override { return status_; }
  Task<Result<void>> send_signal(int) override {
    ++script_.interrupts;
    if (script_.interrupt_error) co_return std::unexpected(*script_.interrupt_error);
    co_return Result<void>{};
  }
  Task<Result<void>> terminate(ShutdownPurpose) override { co_return end({.exit_code = 0, .signal = 15}); }
  Task<Result<void>> kill(ShutdownPurpose) override { co_return end({.exit_code = 0, .signal = 9}); }
  Task<void> cleanup(ShutdownPurpose) override { co_return; }
  nlohmann::json get_provisioner_info() const override { return {{"pid", 4711}}; }

 private:
  Result<void> end(ExitStatus status) {
    running_ = false;
    status_ = status;
    ended_.notify_all();
    return {};
  }

  KernelScript& script_;
  Event ended_;
  bool running_ = false;
  std::optional<ExitStatus> status_;
};

/// A client that takes requests and answers none.
class ScriptedClient final : public KernelClient {
 public:
  ScriptedClient(KernelScript& script, Conversation&) : script_(script) { script_.client = this; }

  std::string_view class_reference() const override { return "tests.clients:ScriptedClient"; }
  Task<Result<void>> connect(ConnectionInfo, std::chrono::steady_clock::duration) override {
    while (!script_.connect_allowed) co_await script_.changed.wait();
    co_return Result<void>{};
  }
  void disconnect() override {}
  Result<void> send(const OutgoingMessage& message) override {
    script_.sent.push_back(message);
    return {};
  }
  Task<Result<nlohmann::json>> control_request(std::string, nlohmann::json,
                                               std::chrono::steady_clock::duration) override {
    co_return make_error(ErrorCode::timeout, "no answer");
  }
  Task<Result<nlohmann::json>> shell_request(std::string, nlohmann::json,
                                             std::chrono::steady_clock::duration) override {
    co_return make_error(ErrorCode::timeout, "no answer");
  }
  const nlohmann::json& kernel_info() const override { return info_; }
  std::optional<KernelScript::Time> silent_since() const override { return script_.silent_since; }

 private:
  KernelScript& script_;
  nlohmann::json info_ = nlohmann::json::object();
};

}  // namespace nextgen_kernels
