#pragma once

#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <type_traits>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "kernels/multi_kernel_manager.h"
#include "runtime/blocking_pool.h"
#include "scripted_kernel.h"
#include "server/server.h"
#include "test_clients.h"

namespace nextgen_kernels {

/// A server on a real socket, on an event loop in a thread of its own, with scripted kernels. Tests speak to
/// it as clients do, and look at its inside with `on_loop`.
class ServerFixture : public testing::Test {
 protected:
  ServerFixture() : script_(loop_.get_executor()) {
    directory_ = std::filesystem::path(testing::TempDir()) / ("nk-server-" + random_hex(4));
    write_file("kernels/test/kernel.json",
               R"({"argv": ["test"], "display_name": "Test", "language": "python", "metadata": {"a": 1}})");
    write_file("kernels/other/kernel.json",
               R"({"argv": ["other"], "display_name": "Other", "language": "R"})");
    kernel_options_.client_class = "tests.clients:ScriptedClient";
    kernel_options_.shutdown_wait_time = std::chrono::milliseconds(0);
    settings_.token = "secret-token";
    settings_.version = "1.2.3";
    settings_.websockets.ping_interval = std::chrono::seconds(0);
    settings_.websockets.acknowledgement_delay = std::chrono::seconds(0);
  }

  ~ServerFixture() override {
    stop();
    std::filesystem::remove_all(directory_);
  }

  /// Makes the server with `settings_` and starts it.
  void start() {
    specs_ = std::make_unique<KernelSpecManager>(KernelSpecManagerOptions{.data_path = {directory_},
                                                                          .allowed_kernelspecs = {},
                                                                          .ensure_native_kernel = false,
                                                                          .python_prefixes = {},
                                                                          .python_timeout = {},
                                                                          .check_availability = {}});
    auto& options = manager_options_;
    options.default_kernel_name = "test";
    options.root_dir = directory_;
    options.shutdown_wait_time = std::chrono::milliseconds(0);
    kernels_ = std::make_unique<MultiKernelManager>(
        loop_.get_executor(), *specs_, [this](KernelLaunch launch) { return make_kernel(std::move(launch)); },
        options);
    auto server = Server::make(loop_.get_executor(), *kernels_, *specs_, settings_);
    ASSERT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
    const auto port = server_->bind("127.0.0.1", 0);
    ASSERT_TRUE(port) << port.error().message;
    port_ = *port;
    server_->run();
    thread_ = std::thread([this] { loop_.run(); });
  }

  /// Gives the journals bounds, and a disk. Before `start`.
  void spill_to_disk(Journal::Limits limits) {
    kernel_options_.journal_limits = limits;
    kernel_options_.journal_services = std::make_shared<JournalServices>(std::size_t{1} << 30, directory_,
                                                                         pool_.runner(loop_.get_executor()),
                                                                         pool_.runner(loop_.get_executor()));
  }

  void stop() {
    if (!thread_.joinable()) return;
    run(server_->stop(std::chrono::seconds(5)));
    run(kernels_->shutdown_all({std::chrono::milliseconds(0)}));
    on_loop([this] {
      server_.reset();
      kernels_.reset();
    });
    work_.reset();
    thread_.join();
  }

  template <typename T>
  T run(Task<T> task) {
    return asio::co_spawn(loop_, std::move(task), asio::use_future).get();
  }

  template <typename Work>
  std::invoke_result_t<Work> on_loop(Work work) {
    std::packaged_task<std::invoke_result_t<Work>()> task(std::move(work));
    auto result = task.get_future();
    asio::post(loop_, [&task] { task(); });
    return result.get();
  }

  /// Waits until something is true on the loop.
  template <typename Condition>
  void wait_until(Condition condition) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!on_loop(condition)) {
      if (std::chrono::steady_clock::now() > limit)
        throw std::runtime_error("what was waited for did not happen");
      std::this_thread::yield();
    }
  }

  /// Asks for `target` with the token, on a connection of its own.
  TestResponse request(const std::string& method, const std::string& target, const std::string& body = "") {
    return request_with("Authorization: token secret-token\r\n", method, target, body);
  }

  TestResponse request_with(const std::string& headers, const std::string& method, const std::string& target,
                            const std::string& body = "") {
    TestConnection connection(port_);
    connection.send(make_request_text(headers, method, target, body));
    return connection.receive(method);
  }

  std::string make_request_text(const std::string& headers, const std::string& method,
                                const std::string& target, const std::string& body = "") const {
    std::string text =
        method + " " + target + " HTTP/1.1\r\nHost: localhost:" + std::to_string(port_) + "\r\n" + headers;
    if (!body.empty()) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    return text + "\r\n" + body;
  }

  /// Starts a kernel and gives its id.
  std::string start_kernel() { return request("POST", "/api/kernels").json().at("id").get<std::string>(); }

  TestWebSocket open_websocket(const std::string& kernel_id, const std::string& query = "",
                               const std::string& headers = "") {
    return TestWebSocket(port_, "/api/kernels/" + kernel_id + "/channels?token=secret-token" + query,
                         headers);
  }

  void write_file(const std::string& path, const std::string& text) const {
    const auto file = directory_ / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }

  std::shared_ptr<KernelManager> make_kernel(KernelLaunch launch) {
    KernelFactories factories;
    factories.make_provisioner =
        [this](const KernelSpec&, const Executor& executor) -> Result<std::unique_ptr<KernelProvisioner>> {
      return std::make_unique<ScriptedProvisioner>(executor, script_);
    };
    factories.make_client = [this](const std::string&, Conversation& conversation,
                                   const Executor&) -> Result<std::unique_ptr<KernelClient>> {
      return std::make_unique<ScriptedClient>(script_, conversation);
    };
    return std::make_shared<KernelManager>(loop_.get_executor(), std::move(launch), std::move(factories),
                                           kernel_options_);
  }

  asio::io_context loop_;
  BlockingPool pool_{2};
  asio::executor_work_guard<asio::io_context::executor_type> work_ = asio::make_work_guard(loop_);
  std::filesystem::path directory_;
  KernelScript script_;
  KernelManagerOptions kernel_options_;
  ServerSettings settings_;
  MultiKernelManager::Options manager_options_;
  std::unique_ptr<KernelSpecManager> specs_;
  std::unique_ptr<MultiKernelManager> kernels_;
  std::unique_ptr<Server> server_;
  std::thread thread_;
  std::uint16_t port_ = 0;
};

}  // namespace nextgen_kernels
