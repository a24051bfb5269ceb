#include <boost/asio/post.hpp>

#include "plugin_fixture.h"
#include "plugins/plugin_listeners.h"

namespace nextgen_kernels {
namespace {

class AbiV1Test : public PluginFixture {
 protected:
  AbiV1Test() : PluginFixture(PLUGIN_OF_ABI_V1) {}
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
