#include "config/server_options.h"

#include <set>

#include "configuration_fixture.h"

namespace nextgen_kernels {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

class ServerOptionsTest : public ConfigurationFixture {
 protected:
  Result<ServerOptions> options(const std::vector<std::string>& arguments = {}) const {
    const auto loaded = load(arguments);
    if (!loaded) return std::unexpected(loaded.error());
    return make_server_options(loaded->configuration, environment_);
  }
};

TEST_F(ServerOptionsTest, defaults_are_those_of_jupyter) {
  const auto made = options();
  ASSERT_TRUE(made.has_value()) << made.error().message;
  EXPECT_EQ(made->ip, "127.0.0.1");
  EXPECT_EQ(made->port, 8888);
  EXPECT_EQ(made->port_retries, 50);
  EXPECT_EQ(made->root_dir, std::filesystem::current_path());
  EXPECT_EQ(made->kernel_root_dir, made->root_dir);
  EXPECT_EQ(made->log_level, LogLevel::info);
  EXPECT_TRUE(made->log_file.empty());
  EXPECT_EQ(made->max_body_size, 536870912);
  EXPECT_EQ(made->websocket_ping_interval, 30s);
  EXPECT_EQ(made->token, std::nullopt);
  EXPECT_EQ(made->default_kernel_name, "python3");
  EXPECT_EQ(made->kernel_info_timeout, 60s);
  EXPECT_EQ(made->shutdown_wait_time, 5s);
  EXPECT_TRUE(made->autorestart);
  EXPECT_EQ(made->transport, KernelTransport::tcp);
  EXPECT_EQ(made->restart_limit, 5);
  EXPECT_EQ(made->stable_start_time, 10s);
  EXPECT_EQ(made->time_to_dead, 15s);
  EXPECT_TRUE(made->ensure_native_kernel);
  EXPECT_THAT(made->allowed_kernelspecs, IsEmpty());
  EXPECT_EQ(made->default_provisioner_name, "local-provisioner");
  EXPECT_EQ(made->journal_memory_limit_bytes, 64 * 1024 * 1024);
}

TEST_F(ServerOptionsTest, culling_and_pools_are_configured_by_name) {
  const auto made =
      options({"--MultiKernelManager.cull_idle_timeout=1.5", "--MappingKernelManager.cull_interval=60",
               "--MappingKernelManager.cull_connected=True", "--MappingKernelManager.pool=python3=2"});
  ASSERT_TRUE(made.has_value()) << made.error().message;
  EXPECT_EQ(made->cull_idle_timeout, 1500ms);
  EXPECT_EQ(made->cull_interval, 60s);
  EXPECT_TRUE(made->cull_connected);
  EXPECT_FALSE(made->cull_busy);
  EXPECT_THAT(made->pool_sizes, ElementsAre(Pair("python3", 2u)));
}

TEST_F(ServerOptionsTest, a_pool_that_is_no_number_is_refused_by_name) {
  for (const auto* size : {"two", "-1", "1001", "2x", ""}) {
    const auto made = options({fmt::format("--MappingKernelManager.pool=python3={}", size)});
    ASSERT_FALSE(made.has_value()) << size;
    EXPECT_THAT(made.error().message, testing::AllOf(testing::HasSubstr("MappingKernelManager.pool"),
                                                     testing::HasSubstr("python3")));
  }
}

TEST_F(ServerOptionsTest, numbers_of_culling_mean_what_they_mean_upstream) {
  const auto made =
      options({"--MappingKernelManager.cull_interval=0", "--MappingKernelManager.cull_idle_timeout=-1"});
  ASSERT_TRUE(made.has_value()) << made.error().message;
  EXPECT_EQ(made->cull_interval, 300s);
  EXPECT_EQ(made->cull_idle_timeout, 0s) << "off";
  EXPECT_THAT(made->warnings, ElementsAre(testing::HasSubstr("cull_interval")));
}

TEST_F(ServerOptionsTest, a_pool_in_a_file_has_numbers) {
  write("user/jupyter_nextgen_kernels_config.json",
        R"({"MappingKernelManager": {"pool": {"python3": 1, "ir": "2"}}})");
  const auto made = options();
  ASSERT_TRUE(made.has_value()) << made.error().message;
  EXPECT_THAT(made->pool_sizes, ElementsAre(Pair("ir", 2u), Pair("python3", 1u)));
  write("user/jupyter_nextgen_kernels_config.json",
        R"({"MappingKernelManager": {"pool": {"python3": 1.5}}})");
  EXPECT_THAT(message(options()), testing::HasSubstr("whole numbers"));
}

TEST_F(ServerOptionsTest, options_of_cookies_in_a_file_may_be_true_or_false) {
  write("user/jupyter_nextgen_kernels_config.json",
        R"({"IdentityProvider": {"cookie_options": {"SameSite": "None", "secure": true, "max_age": 60}}})");
  const auto made = options();
  ASSERT_TRUE(made.has_value()) << made.error().message;
  EXPECT_THAT(made->cookie_options,
              ElementsAre(Pair("SameSite", "None"), Pair("max_age", "60"), Pair("secure", "true")));
  EXPECT_EQ(made->secure_cookie, std::nullopt);
  EXPECT_FALSE(made->trust_xheaders);
}

TEST_F(ServerOptionsTest, options_of_jupyter_server_that_have_an_effect_arrive) {
  const auto made =
      options({"--ServerApp.websocket_ping_timeout=90", "--ServerApp.shutdown_no_activity_timeout=600",
               "--ServerApp.disable_check_xsrf=True", "--ServerApp.trust_xheaders=True",
               "--IdentityProvider.secure_cookie=False", "--ServerApp.cookie_options=samesite=Strict",
               "--MappingKernelManager.allowed_message_types=kernel_info_request",
               "--MappingKernelManager.allow_tracebacks=True", "--sock=/tmp/s", "--sock-mode=0660"});
  ASSERT_TRUE(made.has_value()) << made.error().message;
  EXPECT_EQ(made->websocket_ping_timeout, 90s);
  EXPECT_EQ(made->shutdown_no_activity_timeout, 600s);
  EXPECT_TRUE(made->trust_xheaders);
  EXPECT_EQ(made->secure_cookie, false);
  EXPECT_THAT(made->cookie_options, ElementsAre(Pair("samesite", "Strict")));
  EXPECT_TRUE(made->disable_check_xsrf);
  EXPECT_THAT(made->allowed_message_types, ElementsAre("kernel_info_request"));
  EXPECT_EQ(made->sock, "/tmp/s");
  EXPECT_THAT(made->warnings, ElementsAre(testing::HasSubstr("disable_check_xsrf")));
}

TEST_F(ServerOptionsTest, protection_that_there_is_not_is_refused_and_never_ignored) {
  EXPECT_THAT(message(options({"--MappingKernelManager.allow_tracebacks=False"})),
              testing::HasSubstr("remove the option"));
  EXPECT_THAT(message(options({"--MappingKernelManager.transport_encryption=required"})),
              testing::HasSubstr("KernelManager.transport to ipc"));
  const auto made = options({"--KernelManager.transport_encryption=auto"});
  ASSERT_TRUE(made.has_value()) << made.error().message;
  EXPECT_THAT(made->warnings, ElementsAre(testing::HasSubstr("not encrypted")));
}

TEST_F(ServerOptionsTest, what_is_configured_arrives) {
  environment_["JUPYTER_DEFAULT_PROVISIONER_NAME"] = "slurm-provisioner";
  const auto made = options(
      {"--ip=", "--port=0", "--log-level=40", "--IdentityProvider.token=", "--KernelManager.transport=ipc",
       "--KernelManager.autorestart=False", "--MappingKernelManager.kernel_info_timeout=0.25",
       "--KernelSpecManager.whitelist=ir", "--KernelClientRegistry.provisioner_client_mappings=a:A=b:B",
       "--KernelClientRegistry.conditional_client_mappings={\"client\":\"b:B\"}"});
  ASSERT_TRUE(made.has_value()) << made.error().message;
  EXPECT_EQ(made->ip, "*");
  EXPECT_EQ(made->port, 0);
  EXPECT_EQ(made->log_level, LogLevel::error);
  EXPECT_EQ(made->token, "") << "asked for, unlike none";
  EXPECT_THAT(made->conditional_client_mappings.objects, ElementsAre(R"({"client":"b:B"})"));
  EXPECT_EQ(made->transport, KernelTransport::ipc);
  EXPECT_FALSE(made->autorestart);
  EXPECT_EQ(made->kernel_info_timeout, 250ms);
  EXPECT_THAT(made->allowed_kernelspecs, ElementsAre("ir"));
  EXPECT_EQ(made->default_provisioner_name, "slurm-provisioner");
  EXPECT_THAT(made->provisioner_client_mappings, ElementsAre(Pair("a:A", "b:B")));
}

TEST_F(ServerOptionsTest, directories_are_absolute_and_exist) {
  environment_["HOME"] = root_;
  std::filesystem::create_directories(root_ / "notebooks");
  EXPECT_EQ(options({"--ServerApp.root_dir=~"})->root_dir, root_);
  const auto made =
      options({"--ServerApp.root_dir=~/notebooks/../notebooks", "--ServerApp.log_file=~/server.log"});
  EXPECT_EQ(made->root_dir, root_ / "notebooks");
  EXPECT_EQ(made->kernel_root_dir, root_ / "notebooks");
  EXPECT_EQ(made->log_file, root_ / "server.log");
  const auto with_paths = options({"--plugin-path=~/plugins", "--plugin-path=/opt/plugins",
                                   "--KernelClientRegistry.python_path=~/site-packages/"});
  EXPECT_THAT(with_paths->plugin_path, ElementsAre((root_ / "plugins").native(), "/opt/plugins"));
  EXPECT_THAT(with_paths->python_path, ElementsAre((root_ / "site-packages").native()));
  EXPECT_EQ(message(options({"--ServerApp.root_dir=~/none"})),
            "ServerApp.root_dir: there is no directory " + (root_ / "none").native());
  EXPECT_EQ(message(options({"--MappingKernelManager.root_dir=/none"})),
            "MappingKernelManager.root_dir: there is no directory /none");
}

TEST_F(ServerOptionsTest, the_table_is_consistent) {
  std::set<std::string> names;
  for (const auto& trait : server_trait_table().traits()) {
    const auto name = trait.full_name();
    EXPECT_TRUE(names.insert(name).second) << name << " is declared twice";
    EXPECT_FALSE(trait.help.empty()) << name;
    EXPECT_EQ(trait.choices.empty(), trait.type != TraitType::choice) << name;
    const bool has_default = !std::holds_alternative<std::monostate>(trait.default_value);
    if (has_default) {
      EXPECT_TRUE(load({"--" + name + "=" +
                        (trait.type == TraitType::dictionary ? "{}"
                         : trait.type == TraitType::object_list
                             ? "[]"
                             : std::visit(
                                   [](const auto& value) -> std::string {
                                     if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::string>)
                                       return value;
                                     else if constexpr (std::is_arithmetic_v<std::decay_t<decltype(value)>>)
                                       return fmt::format("{}", value);
                                     else
                                       return "";
                                   },
                                   trait.default_value))})
                      .has_value())
          << name << " refuses its default";
    }
  }
  for (const auto& trait : server_trait_table().without_effect()) {
    EXPECT_TRUE(names.insert(trait.full_name()).second) << trait.full_name() << " is declared twice";
    EXPECT_EQ(server_trait_table().find_without_effect(trait.full_name()), &trait) << trait.full_name();
    EXPECT_TRUE(trait.help.ends_with('.')) << trait.full_name();
  }
  for (const auto& alias : server_trait_table().aliases())
    EXPECT_NE(server_trait_table().find_alias(alias.name), nullptr) << alias.name;
  for (const auto& flag : server_trait_table().flags())
    EXPECT_TRUE(parse({"--" + flag.name}).has_value()) << flag.name;
}

}  // namespace
}  // namespace nextgen_kernels
