#include "config/load_configuration.h"

#include "configuration_fixture.h"

namespace nextgen_kernels {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::UnorderedElementsAre;

class LoadConfigurationTest : public ConfigurationFixture {
 protected:
  /// Where the value of a trait came from.
  static std::string source(const Result<LoadedConfiguration>& loaded, std::string_view trait) {
    std::string sources;
    for (const auto& one : loaded->configuration.sources(*server_trait_table().resolve(trait)->definition))
      sources += (sources.empty() ? "" : ", ") + to_string(one);
    return sources;
  }
};

TEST_F(LoadConfigurationTest, the_more_specific_source_wins) {
  EXPECT_EQ(shown(load(), "ServerApp.port"), "8888");
  EXPECT_EQ(source(load(), "ServerApp.port"), "default");

  const auto system = write("system/jupyter_nextgen_kernels_config.json", R"({"ServerApp": {"port": 1}})");
  EXPECT_EQ(shown(load(), "ServerApp.port"), "1");
  EXPECT_EQ(source(load(), "ServerApp.port"), system.native());
  write("environment/jupyter_nextgen_kernels_config.json", R"({"ServerApp": {"port": 2}})");
  EXPECT_EQ(shown(load(), "ServerApp.port"), "2");
  write("user/jupyter_nextgen_kernels_config.d/package.json", R"({"ServerApp": {"port": 3}})");
  EXPECT_EQ(shown(load(), "ServerApp.port"), "3");
  write("user/jupyter_nextgen_kernels_config.json", R"({"ServerApp": {"port": 4}})");
  EXPECT_EQ(shown(load(), "ServerApp.port"), "4");

  environment_["JUPYTER_PORT"] = "5";
  EXPECT_EQ(shown(load(), "ServerApp.port"), "5");
  EXPECT_EQ(source(load(), "ServerApp.port"), "environment variable JUPYTER_PORT");
  EXPECT_EQ(shown(load({"--port=6"}), "ServerApp.port"), "6");
  EXPECT_EQ(source(load({"--port=6"}), "ServerApp.port"), "command line");
}

TEST_F(LoadConfigurationTest, files_are_merged_trait_by_trait_and_dictionaries_entry_by_entry) {
  const auto system = write("system/jupyter_nextgen_kernels_config.json",
                            R"({"ServerApp": {"ip": "*", "port": 1},
                                "KernelClientRegistry": {"provisioner_client_mappings": {"a:A": "1:1", "b:B": "1:1"}},
                                "KernelSpecManager": {"allowed_kernelspecs": ["one", "two"]}})");
  const auto user = write("user/jupyter_nextgen_kernels_config.json",
                          R"({"ServerApp": {"port": 2},
                              "KernelClientRegistry": {"provisioner_client_mappings": {"b:B": "2:2", "c:C": "2:2"}},
                              "KernelSpecManager": {"allowed_kernelspecs": ["three"]}})");
  const auto loaded = load({"--KernelClientRegistry.provisioner_client_mappings.d:D=3:3"});
  EXPECT_EQ(shown(loaded, "ServerApp.ip"), "\"*\"");
  EXPECT_EQ(shown(loaded, "ServerApp.port"), "2");
  EXPECT_EQ(shown(loaded, "KernelClientRegistry.provisioner_client_mappings"),
            R"({"a:A":"1:1","b:B":"2:2","c:C":"2:2","d:D":"3:3"})");
  EXPECT_EQ(source(loaded, "KernelClientRegistry.provisioner_client_mappings"),
            system.native() + ", " + user.native() + ", command line");
  EXPECT_EQ(shown(loaded, "KernelSpecManager.allowed_kernelspecs"), R"(["three"])") << "a list is one value";
  EXPECT_THAT(loaded->files, ElementsAre(system, user));
}

TEST_F(LoadConfigurationTest, null_takes_back_what_a_less_important_file_says) {
  write(
      "system/jupyter_nextgen_kernels_config.json",
      R"({"ServerApp": {"port": 1}, "KernelClientRegistry": {"provisioner_client_mappings": {"a:A": "1:1", "b:B": "1:1"}}})");
  write(
      "user/jupyter_nextgen_kernels_config.json",
      R"({"ServerApp": {"port": null}, "KernelClientRegistry": {"provisioner_client_mappings": {"a:A": null}}})");
  EXPECT_EQ(shown(load(), "ServerApp.port"), "8888");
  EXPECT_EQ(source(load(), "ServerApp.port"), "default");
  EXPECT_EQ(shown(load(), "KernelClientRegistry.provisioner_client_mappings"), R"({"b:B":"1:1"})");
}

TEST_F(LoadConfigurationTest, the_registrys_settings_are_read_from_files_of_jupyter_server) {
  const auto shared = write("system/jupyter_config.json", R"({
      "JupyterApp": {"anything": 1}, "ServerApp": {"port": 1, "ip": 5},
      "KernelClientRegistry": {"fallback_client_class": "a:Shared", "provisioner_client_mappings": {"p:P": "a:A"}}})");
  const auto server = write("user/jupyter_server_config.json", R"({
      "ServerApp": {"token": "t"},
      "KernelClientRegistry": {"fallback_client_class": "a:Server", "provisioner_client_mapping": {}}})");
  write("environment/jupyter_server_config.json", R"({"ServerApp": {"port": 2}})");
  auto loaded = load();
  EXPECT_EQ(shown(loaded, "KernelClientRegistry.fallback_client_class"), "\"a:Server\"");
  EXPECT_EQ(shown(loaded, "KernelClientRegistry.provisioner_client_mappings"), R"({"p:P":"a:A"})");
  EXPECT_EQ(shown(loaded, "ServerApp.port"), "8888") << "the rest is Jupyter Server's";
  EXPECT_THAT(loaded->files, ElementsAre(shared, server))
      << "a file without such settings is not one of ours";
  EXPECT_THAT(loaded->warnings,
              ElementsAre(HasSubstr("Did you mean KernelClientRegistry.provisioner_client_mappings?")));

  // Ours goes before, also from a less important directory.
  const auto own = write("system/jupyter_nextgen_kernels_config.json",
                         R"({"KernelClientRegistry": {"fallback_client_class": "a:Own"}})");
  EXPECT_EQ(shown(load(), "KernelClientRegistry.fallback_client_class"), "\"a:Own\"");
  EXPECT_THAT(load({"--config=" + own.native()})->files, ElementsAre(own));
}

TEST_F(LoadConfigurationTest, a_broken_file_of_jupyter_server_is_a_warning) {
  write("user/jupyter_server_config.json", "{broken");
  const auto loaded = load();
  ASSERT_TRUE(loaded);
  EXPECT_THAT(loaded->warnings,
              ElementsAre(AllOf(HasSubstr("user/jupyter_server_config.json is not valid JSON"),
                                HasSubstr("Settings of KernelClientRegistry in it are not read"))));
  write("user/jupyter_server_config.json", R"({"KernelClientRegistry": {"plugin_path": 5}})");
  EXPECT_THAT(message(load()), HasSubstr("KernelClientRegistry.plugin_path in")) << "that is meant for us";
}

TEST_F(LoadConfigurationTest, settings_in_python_files_of_jupyter_server_are_named_with_what_to_do) {
  write("system/jupyter_server_config.py",
        "c = get_config()\n"
        "# c.KernelClientRegistry.python_path = []\n"
        "c.KernelClientRegistry.fallback_client_class = 'a:A'\n"
        "c.KernelClientRegistry.provisioner_client_mappings['p:P'] = 'a:A'; c.ServerApp.port = 1\n");
  write("user/jupyter_config.py", "# c.KernelClientRegistry.python_path = []\n");
  const auto loaded = load();
  EXPECT_EQ(shown(loaded, "ServerApp.port"), "8888");
  EXPECT_THAT(loaded->warnings,
              ElementsAre(AllOf(HasSubstr("system/jupyter_server_config.py sets "
                                          "KernelClientRegistry.fallback_client_class, "
                                          "KernelClientRegistry.provisioner_client_mappings in Python"),
                                HasSubstr("say it in jupyter_server_config.json beside it"))));
}

TEST_F(LoadConfigurationTest, a_named_file_is_read_instead_of_the_others) {
  write("user/jupyter_nextgen_kernels_config.json", R"({"ServerApp": {"port": 1, "ip": "*"}})");
  const auto first = write("first.json", R"({"ServerApp": {"port": 2, "port_retries": 2}})");
  const auto second = write("second.json", R"({"ServerApp": {"port": 3}})");
  const auto loaded = load({"--config=" + first.native(), "--config=" + second.native()});
  EXPECT_EQ(shown(loaded, "ServerApp.port"), "3");
  EXPECT_EQ(shown(loaded, "ServerApp.port_retries"), "2");
  EXPECT_EQ(shown(loaded, "ServerApp.ip"), "\"127.0.0.1\"");
  EXPECT_THAT(message(load({"--config=" + (root_ / "none.json").native()})), HasSubstr("No such file"));
}

TEST_F(LoadConfigurationTest, a_configuration_in_python_is_pointed_out) {
  const auto file = write("user/jupyter_nextgen_kernels_config.py", "c.ServerApp.port = 1\n");
  EXPECT_THAT(load()->warnings,
              ElementsAre(file.native() + " is ignored: configuration is read from "
                                          "jupyter_nextgen_kernels_config.json, not from Python files"));
}

TEST_F(LoadConfigurationTest, warnings_of_the_command_line_and_of_files_are_kept) {
  write("user/jupyter_nextgen_kernels_config.json", R"({"ServerApp": {"prot": 1}})");
  EXPECT_THAT(load({"--ServerApp.token=x"})->warnings,
              ElementsAre(HasSubstr("deprecated"), HasSubstr("Did you mean ServerApp.port?")));
}

TEST_F(LoadConfigurationTest, options_of_jupyter_without_effect_here_are_accepted_and_told_once) {
  write("user/jupyter_nextgen_kernels_config.json",
        R"({"ServerApp": {"open_browser": false, "kernel_manager_class": "a.B"},
            "KernelManager": {"cache_ports": null, "shell_port": 5000}})");
  const auto loaded = load({"--AsyncMappingKernelManager.use_pending_kernels=True", "--ServerApp.allow_root",
                            "--allow-root", "--KernelManager.connection_file", "k.json",
                            "--MappingKernelManager.untracked_message_types=['a']"});
  ASSERT_TRUE(loaded.has_value()) << loaded.error().message;
  const auto says = [](const char* name) {
    return testing::AllOf(testing::HasSubstr(name), testing::HasSubstr(" has no effect: "));
  };
  EXPECT_THAT(
      loaded->warnings,
      UnorderedElementsAre(says("ServerApp.open_browser in /"), says("ServerApp.kernel_manager_class"),
                           says("KernelManager.cache_ports"), says("KernelManager.shell_port"),
                           says("--AsyncMappingKernelManager.use_pending_kernels"),
                           says("--ServerApp.allow_root"), says("--KernelManager.connection_file"),
                           says("--MappingKernelManager.untracked_message_types")));
  EXPECT_THAT(message(parse({"--KernelManager.connection_file"})), testing::HasSubstr("needs a value"));
  EXPECT_FALSE(parse({"--ServerApp.allow_root", "stray"}).has_value()) << "is no value of it";
}

TEST_F(LoadConfigurationTest, the_token_is_read_from_the_environment_or_from_the_file_it_names) {
  const auto token = [this] { return load()->configuration.get<std::string>("IdentityProvider.token"); };
  EXPECT_FALSE(token().has_value());
  environment_["JUPYTER_TOKEN_FILE"] = write("token", "from the file\n");
  EXPECT_EQ(token(), "from the file");
  environment_["JUPYTER_TOKEN"] = "from the variable";
  EXPECT_EQ(token(), "from the variable");
  environment_["JUPYTER_TOKEN"] = "";
  EXPECT_EQ(token(), "from the file") << "an empty variable says nothing";
  environment_["JUPYTER_TOKEN_FILE"] = root_ / "none";
  EXPECT_EQ(message(load()), "Environment variable JUPYTER_TOKEN_FILE: cannot read the file " +
                                 (root_ / "none").native() + " that it names");
}

TEST_F(LoadConfigurationTest, a_wrong_variable_is_told_by_its_name) {
  environment_["JUPYTER_PORT"] = "eight";
  EXPECT_EQ(
      message(load()),
      "Environment variable JUPYTER_PORT: expected an integer from 0 to 65535, such as 8888, not \"eight\"");
}

TEST_F(LoadConfigurationTest, typed_access_checks_name_and_type) {
  const auto loaded = load();
  EXPECT_EQ(loaded->configuration.get<std::int64_t>("ServerApp.port"), 8888);
  EXPECT_EQ(loaded->configuration.get<bool>("KernelManager.autorestart"), true);
  EXPECT_EQ(message(loaded->configuration.get<bool>("ServerApp.port")),
            "ServerApp.port has no value of the type asked for");
  EXPECT_EQ(message(loaded->configuration.get<bool>("ServerApp.none")), "There is no trait ServerApp.none");
}

TEST_F(LoadConfigurationTest, showing_the_configuration_tells_sources_and_masks_secrets) {
  const auto file =
      write("user/jupyter_nextgen_kernels_config.json", R"({"IdentityProvider": {"token": "hunter2"}})");
  const auto text = show_configuration(*load({"--port=9"}), paths_);
  EXPECT_THAT(text, HasSubstr("ServerApp.port = 9  [command line]\n"));
  EXPECT_THAT(text, HasSubstr("ServerApp.ip = \"127.0.0.1\"  [default]\n"));
  EXPECT_THAT(text, HasSubstr("IdentityProvider.token = (hidden)  [" + file.native() + "]\n"));
  EXPECT_THAT(text, HasSubstr("Configuration files read, most important first:\n  " + file.native() + "\n"));
  EXPECT_THAT(text, HasSubstr("  " + (root_ / "system").native() + "\n"));
  EXPECT_THAT(text, Not(HasSubstr("hunter2")));
}

}  // namespace
}  // namespace nextgen_kernels
