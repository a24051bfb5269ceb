#include <iterator>

#include <boost/asio/post.hpp>

#include "../kernels/kernel_recorder.h"
#include "plugin_fixture.h"
#include "plugins/plugin_listeners.h"

namespace nextgen_kernels {
namespace {

class AbiV1Test : public PluginFixture {
 protected:
  AbiV1Test() : PluginFixture(PLUGIN_OF_ABI_V1) {}

  static std::string text_of(const std::filesystem::path& file) {
    std::ifstream stream(file);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  static nlohmann::json read_json(const std::filesystem::path& file) {
    return nlohmann::json::parse(text_of(file));
  }
  /// A variable of a process, as it was started.
  static std::string variable_of(pid_t process, const std::string& name) {
    const auto environment = '\0' + text_of(fmt::format("/proc/{}/environ", process));
    const auto at = environment.find('\0' + name + '=');
    if (at == std::string::npos) return "not there";
    return environment.c_str() + at + name.size() + 2;
  }
};

TEST_F(AbiV1Test, a_plugin_compiled_with_the_first_headers_runs_a_kernel) {
  use_classes("old_plugin:OldProvisioner", "old_plugin:OldClient", {{"label", "of old"}});
  auto& kernel = start_kernel(synthetic_spec());
  TestListener listener(*kernel.conversation(), "alice");
  execute_and_wait(kernel, listener, "print withhold me");
  execute_and_wait(kernel, listener, "print hello");
  run_until([&] { return listener.has("stream hello\n"); });
  EXPECT_FALSE(listener.has("stream withhold me\n"));
  EXPECT_EQ(kernel.provisioner_info().at("label"), "of old");
  EXPECT_TRUE(kernel.provisioner_info().contains("pid"));
  const auto restarted = run(kernel.restart_kernel());
  ASSERT_TRUE(restarted) << restarted.error().message;
  EXPECT_TRUE(run(kernel.wait_until_ready()));
}

TEST_F(AbiV1Test, its_kernels_end_with_their_server_as_they_did) {
  provisioner_options_.lifetime = ChildLifetime::own;
  use_classes("old_plugin:OldProvisioner", "old_plugin:OldClient", {{"label", "of old"}});
  MemoryRecorder recorder;
  options_.recorder = &recorder;
  auto& kernel = start_kernel(synthetic_spec());
  const auto record = recorder.records.at(kernel.kernel_id());
  EXPECT_TRUE(record.provisioner.is_null());
  EXPECT_TRUE(record.client.is_null());
  EXPECT_EQ(variable_of(pid(), "JPY_PARENT_PID"), std::to_string(::getpid()))
      << "which it watches: nobody can adopt it";
  run(kernel.shutdown_kernel({std::chrono::seconds(2)}));
}

TEST_F(AbiV1Test, its_client_takes_over_a_kernel_that_answers) {
  Conversation conversation{{}};
  start_kernel(synthetic_spec());
  const auto client = make_client("old_plugin:OldClient", conversation).value();
  const auto answer = run(client->reconnect(read_json(connection_file()), nullptr, std::chrono::minutes(1)));
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(*answer, KernelClient::Answer::complete);
}

TEST_F(AbiV1Test, its_listener_follows_a_kernel) {
  auto& kernel = start_kernel(synthetic_spec());
  PluginListeners listeners(loop_.get_executor());
  std::string failure = "not told";
  listeners.attach(
      kernel.conversation(),
      {.class_reference = "old_plugin:OldListener",
       .about = {{"kernel_id", "id"}, {"kernel_name", "name"}},
       .load_class = [this]() -> Result<const nk_class*> {
         return class_of("old_plugin:OldListener", PluginClassKind::listener);
       },
       .report = [&](const std::string& told) { asio::post(loop_, [&failure, told] { failure = told; }); }});
  TestListener listener(*kernel.conversation(), "alice");
  execute_and_wait(kernel, listener, "print hello");
  run_task(loop_, kernel.shutdown_kernel({std::chrono::seconds(5)}));
  EXPECT_TRUE(run(listeners.drain(std::chrono::minutes(1))));
  EXPECT_EQ(failure, "");
}

}  // namespace
}  // namespace nextgen_kernels
