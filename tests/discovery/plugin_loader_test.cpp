#include "discovery/plugin_loader.h"

#include <fstream>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "../support/temporary_directory.h"

namespace nextgen_kernels {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
namespace fs = std::filesystem;

class PluginLoaderTest : public testing::Test {
 protected:
  DiscoveredPlugin& add_plugin(const std::string& package, const fs::path& library,
                               std::vector<PluginClass> classes) {
    DiscoveredPlugin plugin;
    plugin.manifest.file = directory_.path() / (package + ".json");
    plugin.manifest.package = package;
    plugin.manifest.version = "1.0";
    plugin.manifest.library = library;
    plugin.manifest.classes = std::move(classes);
    plugins_.push_back(std::move(plugin));
    return plugins_.back();
  }
  static fs::path built(const std::string& name) { return fs::path(TEST_PLUGINS) / ("lib" + name + ".so"); }

  const nk_host host_{};
  TemporaryDirectory directory_;
  std::vector<DiscoveredPlugin> plugins_;
  KernelClientRegistry registry_;
  PluginRegistrar registrar_{registry_};
};

constexpr auto client = PluginClassKind::client;

TEST_F(PluginLoaderTest, a_failure_is_not_remembered) {
  const auto library = directory_.path() / "lib.so";
  add_plugin("late", library, {{.reference = "test_plugin:EchoClient"_class, .kind = client}});
  PluginLoader loader(plugins_, host_, registrar_);
  EXPECT_FALSE(loader.load_class("test_plugin:EchoClient"_class, client));
  fs::copy_file(built("nk_test_plugin"), library);
  const auto loaded = loader.load_class("test_plugin:EchoClient"_class, client);
  EXPECT_TRUE(loaded) << loaded.error().message;
}

TEST_F(PluginLoaderTest, a_plugin_that_discovery_refused_is_not_loaded) {
  add_plugin("refused", built("nk_test_plugin"),
             {{.reference = "test_plugin:EchoClient"_class, .kind = client}})
      .unusable = "its library is dangerous";
  PluginLoader loader(plugins_, host_, registrar_);
  const auto loaded = loader.load_class("test_plugin:EchoClient"_class, client);
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().message,
              AllOf(HasSubstr("plugin refused 1.0"), HasSubstr("its library is dangerous")));
  EXPECT_FALSE(loader.load_class("nobody:Brings"_class, client));
}

TEST_F(PluginLoaderTest, a_class_is_given_as_its_own_kind_only) {
  add_plugin("test", built("nk_test_plugin"),
             {{.reference = "test_plugin:EchoClient"_class, .kind = client},
              {.reference = "test_plugin:LineListener"_class, .kind = PluginClassKind::listener}});
  PluginLoader loader(plugins_, host_, registrar_);
  const auto as_client = loader.load_class("test_plugin:LineListener"_class, client);
  ASSERT_FALSE(as_client);
  EXPECT_THAT(
      as_client.error().message,
      HasSubstr("Class test_plugin:LineListener of plugin test 1.0 is a listener, not a kernel client"));
  EXPECT_FALSE(loader.load_class("test_plugin:EchoClient"_class, PluginClassKind::provisioner));
  EXPECT_TRUE(loader.load_class("test_plugin:LineListener"_class, PluginClassKind::listener));
}

TEST_F(PluginLoaderTest, one_broken_plugin_stops_no_other) {
  add_plugin("broken", built("nk_broken_plugin_no_entry"), {{.reference = "broken:A"_class, .kind = client}});
  add_plugin("lacking", built("nk_test_plugin"),
             {{.reference = "test_plugin:Gone"_class, .kind = client},
              {.reference = "test_plugin:EchoClient"_class, .kind = client}});
  PluginLoader loader(plugins_, host_, registrar_);
  EXPECT_THAT(loader.load_all(),
              ElementsAre(Field(&RegistryProblem::message, HasSubstr("does not export")),
                          AllOf(Field(&RegistryProblem::subject, "test_plugin:Gone"),
                                Field(&RegistryProblem::message, HasSubstr("does not have")))));
  EXPECT_TRUE(loader.load_class("test_plugin:EchoClient"_class, client));
}

TEST_F(PluginLoaderTest, only_plugins_that_ask_for_it_are_loaded_at_start) {
  add_plugin("lazy", built("nk_broken_plugin_no_entry"), {{.reference = "broken:A"_class, .kind = client}});
  add_plugin("eager", built("nk_broken_plugin_other_abi"), {{.reference = "other:A"_class, .kind = client}})
      .manifest.load_at_start = true;
  PluginLoader loader(plugins_, host_, registrar_);
  EXPECT_THAT(loader.load_at_start(),
              ElementsAre(AllOf(Field(&RegistryProblem::source, "plugin eager 1.0"),
                                Field(&RegistryProblem::message, HasSubstr("version 7 of the plugin ABI")))));
}

TEST_F(PluginLoaderTest, the_trial_of_one_library_holds_up_no_other) {
  fs::copy_file(built("nk_test_plugin"), directory_.path() / "slow.so");
  for (const auto* name : {"started", "go-on"})
    ASSERT_EQ(::mkfifo((directory_.path() / name).c_str(), 0600), 0);
  const auto folder = directory_.path().native();
  const auto program = directory_.write_program(
      "program", "#!/bin/sh\ncase \"$2\" in *slow*) echo > '" + folder + "/started'; read x < '" + folder +
                     "/go-on';; esac\necho '" +
                     std::string(LibraryTrial::survived.substr(0, LibraryTrial::survived.size() - 1)) +
                     "'\n");
  add_plugin("slow", directory_.path() / "slow.so", {{.reference = "slow:Client"_class, .kind = client}});
  add_plugin("test", built("nk_test_plugin"),
             {{.reference = "test_plugin:EchoClient"_class, .kind = client}});
  PluginLoader loader(plugins_, host_, registrar_, program);
  std::jthread slow([&loader] { static_cast<void>(loader.load_class("slow:Client"_class, client)); });
  std::string line;
  std::ifstream started(directory_.path() / "started");
  std::getline(started, line);  // Waits for the trial.
  EXPECT_TRUE(loader.load_class("test_plugin:EchoClient"_class, client));
  std::ofstream(directory_.path() / "go-on") << "\n";
}

TEST_F(PluginLoaderTest, of_two_declarations_the_first_counts) {
  add_plugin("first", built("nk_test_plugin"),
             {{.reference = "test_plugin:EchoClient"_class, .kind = client}});
  add_plugin("second", built("gone"), {{.reference = "test_plugin:EchoClient"_class, .kind = client}});
  const PluginLoader loader(plugins_, host_, registrar_);
  EXPECT_EQ(loader.find("test_plugin:EchoClient"_class).plugin, &plugins_.front());
  EXPECT_EQ(loader.find("nobody:Brings"_class).plugin, nullptr);
}

}  // namespace
}  // namespace nextgen_kernels
