#pragma once

#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../support/run_task.h"
#include "base/random.h"
#include "base/strings.h"
#include "clients/zmq/jupyter_server_kernel_client.h"
#include "kernels/kernel_manager.h"
#include "provisioners/local/local_provisioner.h"

namespace nextgen_kernels {

/// Collects what a kernel says to one client session.
class TestListener : public JournalListener {
 public:
  TestListener(Conversation& conversation, std::string_view session)
      : audience(conversation.audience_of(session)),
        cursor_(conversation.journal(), *this, {.audience = audience}) {}

  void on_journal_activity() override {
    for (auto& entry : cursor_.read(SIZE_MAX, SIZE_MAX).entries) messages.push_back(std::move(entry.message));
  }

  /// "type" of everything, and for status messages the state, for streams the text.
  std::vector<std::string> log() const {
    std::vector<std::string> lines;
    for (const auto& message : messages) {
      const auto content = nlohmann::json::parse(message->content());
      const std::string type(message->header_fields().msg_type);
      if (type == "status")
        lines.push_back("status " + content.at("execution_state").get<std::string>());
      else if (type == "stream")
        lines.push_back("stream " + content.at("text").get<std::string>());
      else
        lines.push_back(type);
    }
    return lines;
  }

  /// The text of what is printed as an output of this request, with what its errors say.
  std::string output_of(std::string_view message_id) const {
    std::string text;
    for (const auto& message : messages) {
      if (message->channel() != Channel::iopub || message->parent_fields().msg_id != message_id) continue;
      const auto content = nlohmann::json::parse(message->content());
      for (const auto* name : {"text", "evalue"}) text += content.value(name, std::string());
    }
    return text;
  }

  /// How often the state was told that belongs to no request.
  int announced(std::string_view state) const {
    return static_cast<int>(std::ranges::count_if(messages, [state](const auto& message) {
      return message->header_fields().msg_type == "status" && message->parent_fields().msg_id.empty() &&
             message->content().contains(state);
    }));
  }

  std::size_t count(std::string_view line) const {
    return static_cast<std::size_t>(std::ranges::count(log(), line));
  }

  bool has(std::string_view line) const {
    const auto lines = log();
    return std::ranges::find(lines, line) != lines.end();
  }

  std::vector<Message::Pointer> messages;
  const Audience audience;

 private:
  Cursor cursor_;
};

/// Refuses to send what has "forbidden" in it.
class RefusingClient final : public JupyterServerKernelClient {
 public:
  using JupyterServerKernelClient::JupyterServerKernelClient;

  Result<void> send(const OutgoingMessage& message) override {
    if (message.parts[3].contains("forbidden"))
      return make_error(ErrorCode::permission_denied, "This must not run");
    return JupyterServerKernelClient::send(message);
  }
};

/// Holds shell scripts that `read line < FILE`.
class Gate {
 public:
  explicit Gate(const std::filesystem::path& file) {
    // Both ends are here, so that nothing waits on this side; processes must not inherit them.
    if (::mkfifo(file.c_str(), 0600) == 0) descriptor_ = ::open(file.c_str(), O_RDWR | O_CLOEXEC);
    if (descriptor_ < 0) throw std::runtime_error("no fifo " + file.string());
  }
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;
  ~Gate() { ::close(descriptor_); }

  /// Lets one of them pass, also one that comes later.
  void open() const { EXPECT_EQ(::write(descriptor_, "\n", 1), 1); }

 private:
  int descriptor_ = -1;
};

/// Kernels of the synthetic kernel program, on a real event loop, with real processes and sockets.
class KernelFixture : public testing::Test {
 protected:
  KernelFixture() {
    directory_ = std::filesystem::path(testing::TempDir()) / ("nk-" + random_hex(4));
    std::filesystem::create_directories(directory_);
    options_.client_class = JupyterServerKernelClient::reference;
    factories_.make_provisioner =
        [this](const KernelSpec&, const Executor& executor) -> Result<std::unique_ptr<KernelProvisioner>> {
      return std::make_unique<LocalProvisioner>(executor, provisioner_options_);
    };
    factories_.make_client = [this](const std::string& client_class, Conversation& conversation,
                                    const Executor& executor) -> Result<std::unique_ptr<KernelClient>> {
      if (client_class != JupyterServerKernelClient::reference)
        return make_error(ErrorCode::not_found, "No class {}", client_class);
      return std::make_unique<JupyterServerKernelClient>(executor, conversation, heartbeat_);
    };
    provisioner_options_.runtime_dir = directory_;
  }

  ~KernelFixture() override {
    if (kernel_ != nullptr) run(kernel_->shutdown_kernel({std::chrono::seconds(2)}));
    kernel_.reset();
    loop_.poll();
    std::filesystem::remove_all(directory_);
  }

  static KernelSpec spec_of(std::vector<std::string> argv) {
    KernelSpec spec;
    spec.name = "synthetic";
    spec.argv = std::move(argv);
    spec.language = "commands";
    return spec;
  }
  static KernelSpec synthetic_spec(std::vector<std::string> more = {}) {
    std::vector<std::string> argv = {SYNTHETIC_KERNEL, "{connection_file}"};
    argv.insert(argv.end(), more.begin(), more.end());
    return spec_of(std::move(argv));
  }
  static KernelSpec shell_spec(const std::string& script) { return spec_of({"/bin/sh", "-c", script}); }

  KernelLaunch launch_of(KernelSpec spec) const {
    return {.kernel_id = random_uuid(),
            .spec = std::move(spec),
            .environment = process_environment(),
            .working_directory = directory_};
  }

  KernelManager& make_kernel(KernelSpec spec, const std::map<std::string, std::string>& environment = {}) {
    auto launch = launch_of(std::move(spec));
    for (const auto& [name, value] : environment) launch.environment[name] = value;
    kernel_ = std::make_shared<KernelManager>(loop_.get_executor(), std::move(launch), factories_, options_);
    return *kernel_;
  }

  /// Makes a kernel, starts it and waits until it takes requests.
  KernelManager& start_kernel(KernelSpec spec) {
    auto& kernel = make_kernel(std::move(spec));
    const auto started = run(kernel.start_kernel());
    EXPECT_TRUE(started) << started.error().message;
    const auto ready = run(kernel.wait_until_ready());
    EXPECT_TRUE(ready) << ready.error().message;
    return kernel;
  }

  template <typename T>
  T run(Task<T> task) {
    return run_task(loop_, std::move(task));
  }

  void run_until(const std::function<bool()>& condition) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (!condition()) {
      if (loop_.stopped()) loop_.restart();
      loop_.run_one_until(limit);
      if (std::chrono::steady_clock::now() >= limit)
        throw std::runtime_error("what was waited for did not happen");
    }
  }

  /// Sends a command to the synthetic kernel as `listener`; returns the msg_id.
  static std::string execute(KernelManager& kernel, const TestListener& listener,
                             const std::string& command) {
    const nlohmann::json content = {{"code", command}, {"silent", false}, {"allow_stdin", true}};
    auto request = make_request(Channel::shell, "execute_request", content.dump(), "test").value();
    std::string id(request.header.msg_id);
    const auto sent = kernel.handle_incoming_message(std::move(request), listener.audience);
    EXPECT_TRUE(sent) << sent.error().message;
    return id;
  }

  /// Executes and waits for the reply and the end of the outputs, which come on two connections.
  void execute_and_wait(KernelManager& kernel, TestListener& listener, const std::string& command) {
    const auto id = execute(kernel, listener, command);
    const auto is_over = [&](Channel channel, std::string_view content) {
      return std::ranges::any_of(listener.messages, [&](const auto& message) {
        return message->channel() == channel && message->parent_fields().msg_id == id &&
               message->content().contains(content);
      });
    };
    run_until([&] { return is_over(Channel::shell, "") && is_over(Channel::iopub, R"("idle")"); });
  }

  /// What the kernel, told `--log-end` with this file's name, got.
  std::vector<std::string> lines_of(const std::string& name) const {
    std::ifstream file(directory_ / name);
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }

  std::filesystem::path connection_file() const {
    return directory_ / ("kernel-" + kernel_->kernel_id() + ".json");
  }

  static bool process_exists(pid_t pid) { return std::filesystem::exists("/proc/" + std::to_string(pid)); }
  pid_t pid() const { return kernel_->provisioner_info().at("pid").get<pid_t>(); }

  asio::io_context loop_;
  std::filesystem::path directory_;
  LocalProvisioner::Options provisioner_options_;
  HeartbeatWatch::Options heartbeat_;
  KernelManagerOptions options_;
  KernelFactories factories_;
  std::shared_ptr<KernelManager> kernel_;
};

}  // namespace nextgen_kernels
