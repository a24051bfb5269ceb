#include "app/kernel_classes.h"

#include <fstream>

#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <link.h>
#include <stdlib.h>
#include <unistd.h>

#include "../support/run_task.h"
#include "../support/temporary_directory.h"
#include "base/random.h"
#include "kernels/provisioner_aware_kernel_manager.h"

namespace nextgen_kernels {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::Contains;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;

/// Kernels of a provisioner of a plugin, `own-provisioner`, as the application makes them.
class KernelClassesTest : public testing::Test {
 protected:
  KernelClassesTest() {
    options_.default_kernel_name = "python3";
    options_.plugin_path = {(directory_.path() / "plugins").native()};
    options_.python_path = {(directory_.path() / "site").native()};
    std::filesystem::create_directories(options_.python_path.front());
    install_plugin("test-plugin", "libnk_test_plugin.so", "test_plugin");
  }
  ~KernelClassesTest() override {
    ::unsetenv("ECHO_CLIENT_THROWS");
    // Their kernels end when they are told to, by a signal; nothing else is worth a wait.
    for (const auto& kernel : kernels_)
      run_task(loop_, kernel->shutdown_kernel({std::chrono::milliseconds(2)}));
    kernels_.clear();
    loop_.restart();
    loop_.poll();
  }

  /// A manifest with a provisioner, under the package's name, and its client.
  void install_plugin(const std::string& package, const std::string& library,
                      const std::string& module) const {
    const auto provisioner = module + ":OwnProvisioner";
    const auto client = module + ":EchoClient";
    const json manifest = {
        {"manifest_version", 1},
        {"package", package},
        {"version", "1.0"},
        {"abi", 1},
        {"library", (std::filesystem::path(TEST_PLUGINS) / library).native()},
        {"classes",
         {{{"reference", provisioner},
           {"kind", "provisioner"},
           {"options",
            {{"behaviour", {{"type", "string"}, {"default", ""}}}, {"size", {{"type", "integer"}}}}}},
          {{"reference", client},
           {"kind", "client"},
           {"options", {{"volume", {{"type", "integer"}, {"default", 3}}}, {"key", {{"type", "string"}}}}}}}},
        {"entry_points",
         {{"jupyter_client.kernel_provisioners", {{package, provisioner}}},
          {"jupyter_kernel_client_registry", {{provisioner, client}}}}}};
    directory_.write("plugins/" + package + ".json", manifest.dump());
  }

  /// A manifest with a provisioner that extends the local one, under the package's name.
  void install_local_plugin(const std::string& package, const std::filesystem::path& library,
                            const std::string& provisioner) const {
    const json manifest = {
        {"manifest_version", 1},
        {"package", package},
        {"version", "1.0"},
        {"abi", 1},
        {"library", library.native()},
        {"classes",
         {{{"reference", provisioner},
           {"kind", "provisioner"},
           {"options", {{"label", {{"type", "string"}, {"default", ""}}}}}}}},
        {"entry_points", {{"jupyter_client.kernel_provisioners", {{package, provisioner}}}}}};
    directory_.write("plugins/" + package + ".json", manifest.dump());
  }

  void make_catalog(BuiltinClassSettings settings = {}) {
    auto catalog = KernelCatalog::make(options_, paths_, {}, NEXTGEN_KERNELS);
    ASSERT_TRUE(catalog) << catalog.error().message;
    catalog_ = std::move(*catalog);
    classes_ = std::make_unique<KernelClasses>(*catalog_, std::move(settings));
  }

  /// The process whose end kernels of a provisioner watch for: they end with it.
  std::string process_watched_by(const std::string& provisioner) {
    KernelLaunch launch{.kernel_id = random_uuid(), .spec = {}, .environment = {}, .working_directory = {}};
    launch.spec.name = "spec";
    launch.spec.argv = {"/bin/sh", "-c", "echo $JPY_PARENT_PID"};
    launch.spec.provisioner = {.name = provisioner};
    const auto factories = classes_->factories_for(launch);
    run_task(loop_, factories.prepare(launch.spec));
    const auto made = factories.make_provisioner(launch.spec, loop_.get_executor());
    if (!made) return made.error().message;
    const auto launched = run_task(loop_, (*made)->launch_kernel({.spec = launch.spec,
                                                                  .kernel_id = launch.kernel_id,
                                                                  .environment = {},
                                                                  .working_directory = {}}));
    if (!launched) return launched.error().message;
    run_task(loop_, (*made)->wait());
    return (*made)->output_tail();
  }

  /// Starts a kernel and waits until it takes requests; the error, or an empty text.
  std::string start(const std::string& provisioner, const json& config = json::object()) {
    KernelLaunch launch{.kernel_id = random_uuid(), .spec = {}, .environment = {}, .working_directory = {}};
    launch.spec.name = "spec";
    launch.spec.argv = {"kernel"};
    launch.spec.interrupt_mode = InterruptMode::message;
    launch.spec.provisioner = {.name = provisioner, .config = config};
    auto factories = classes_->factories_for(launch);
    auto kernel = std::make_shared<ProvisionerAwareKernelManager>(
        loop_.get_executor(), std::move(launch), std::move(factories), KernelManagerOptions{},
        catalog_->registry());
    if (const auto started = run_task(loop_, kernel->start_kernel()); !started)
      return started.error().message;
    kernels_.push_back(kernel);
    const auto ready = run_task(loop_, kernel->wait_until_ready());
    return ready ? std::string() : ready.error().message;
  }

  MappingInfo mapping_of(ClassReferenceLiteral provisioner) const {
    for (const auto& info : catalog_->registry().registered_mappings())
      if (info.mapping->provisioner == ClassReference(provisioner)) return info;
    throw std::runtime_error("there is no such mapping");
  }

  /// What is wrong, but for the kernel specs there are not: these tests need none.
  std::vector<RegistryProblem> problems() const {
    auto found = catalog_->problems();
    std::erase_if(found, [](const RegistryProblem& problem) { return problem.subject == "kernel specs"; });
    return found;
  }

  auto has_problem(const std::string& subject, const std::string& message) const {
    return Contains(AllOf(Field(&RegistryProblem::subject, HasSubstr(subject)),
                          Field(&RegistryProblem::message, HasSubstr(message))));
  }

  TemporaryDirectory directory_;
  ServerOptions options_;
  JupyterPaths paths_;
  asio::io_context loop_;
  std::unique_ptr<KernelCatalog> catalog_;
  std::unique_ptr<KernelClasses> classes_;
  std::vector<std::shared_ptr<KernelManager>> kernels_;
};

bool is_loaded(std::string_view library) {
  struct Search {
    std::string_view library;
    bool found = false;
  } search{library};
  ::dl_iterate_phdr(
      [](dl_phdr_info* object, std::size_t, void* data) {
        auto& wanted = *static_cast<Search*>(data);
        wanted.found = wanted.found || std::string_view(object->dlpi_name).ends_with(wanted.library);
        return 0;
      },
      &search);
  return search.found;
}

TEST_F(KernelClassesTest, a_library_is_loaded_when_the_first_kernel_needs_it) {
  make_catalog();
  EXPECT_FALSE(is_loaded("libnk_test_plugin.so"));
  EXPECT_EQ(mapping_of("test_plugin:OwnProvisioner").state, MappingInfo::State::declared);
  EXPECT_THAT(problems(), IsEmpty());
  EXPECT_EQ(start("test-plugin"), "");
  EXPECT_TRUE(is_loaded("libnk_test_plugin.so"));
  EXPECT_EQ(mapping_of("test_plugin:OwnProvisioner").state, MappingInfo::State::loaded);
  EXPECT_EQ(kernels_.front()->provisioner_class(), "test_plugin:OwnProvisioner");
  EXPECT_EQ(kernels_.front()->client_selection().client_class, "test_plugin:EchoClient");
  EXPECT_EQ(kernels_.front()->client_selection().matched_by, "exact");
}

TEST_F(KernelClassesTest, kernels_outlive_the_server_when_their_plugin_can_hand_them_over) {
  install_local_plugin("new", std::filesystem::path(TEST_PLUGINS) / "libnk_test_plugin.so",
                       "test_plugin:DerivedProvisioner");
  install_local_plugin("old", PLUGIN_OF_ABI_V1, "old_plugin:OldProvisioner");
  BuiltinClassSettings settings;
  settings.local_provisioner.runtime_dir = directory_.path();
  const auto this_one = std::to_string(::getpid()) + "\n";
  const std::string none = "1\n";
  settings.local_provisioner.lifetime = ChildLifetime::own;
  make_catalog(settings);
  EXPECT_EQ(process_watched_by("new"), none);
  EXPECT_EQ(process_watched_by("old"), this_one) << "compiled before there was a way to hand them over";
  settings.local_provisioner.lifetime = ChildLifetime::ours;
  make_catalog(settings);
  EXPECT_EQ(process_watched_by("new"), this_one) << "nobody will adopt them";
}

TEST_F(KernelClassesTest, options_are_checked_and_completed_before_the_constructor_sees_them) {
  make_catalog();
  EXPECT_THAT(
      start("test-plugin", {{"behavior", "x"}}),
      AllOf(HasSubstr("test-plugin has no option \"behavior\""), HasSubstr("Did you mean \"behaviour\"?")));
  EXPECT_THAT(start("test-plugin", {{"size", "big"}}), HasSubstr("must be a whole number"));
  EXPECT_EQ(start("test-plugin", {{"size", 5}}), "") << "behaviour has its default";
}

TEST_F(KernelClassesTest, a_client_learns_its_options_and_what_is_known_of_its_kernel) {
  options_.class_options.objects = {R"({"class": "test_plugin.EchoClient", "options": {"key": "k"}})"};
  make_catalog();
  KernelLaunch launch{.kernel_id = random_uuid(),
                      .spec = {},
                      .environment = {{"KERNEL_USERNAME", "alice"}},
                      .working_directory = {}};
  launch.spec.name = "spec";
  launch.spec.language = "scala";
  launch.spec.display_name = "Scala";
  Conversation conversation{{}};
  const auto client = classes_->factories_for(launch)
                          .make_client("test_plugin:EchoClient", conversation, loop_.get_executor())
                          .value();
  ASSERT_TRUE(run_task(loop_, client->connect({{"place", "own"}}, std::chrono::minutes(1))));
  const auto& learnt = client->kernel_info();
  EXPECT_EQ(learnt.at("options"), (json{{"key", "k"}, {"volume", 3}}));
  EXPECT_EQ(learnt.at("language"), "scala");
  EXPECT_EQ(learnt.at("username"), "alice");
  EXPECT_EQ(learnt.at("kernel_spec").at("display_name"), "Scala");
}

TEST_F(KernelClassesTest, a_client_whose_options_do_not_fit_is_refused) {
  options_.class_options.objects = {
      R"({"class": "test_plugin:EchoClient", "options": {"volume": "password"}})"};
  make_catalog();
  EXPECT_THAT(start("test-plugin"),
              AllOf(HasSubstr("Option volume of test_plugin:EchoClient must be a whole number in "
                              "KernelClientRegistry.class_options"),
                    testing::Not(HasSubstr("password"))));
}

TEST_F(KernelClassesTest, a_provisioner_whose_constructor_throws_is_a_problem_until_one_does_not) {
  make_catalog();
  const auto complaint = "Creating test_plugin:OwnProvisioner failed: the constructor threw";
  EXPECT_EQ(start("test-plugin", {{"behaviour", "throw in the constructor"}}), complaint);
  EXPECT_THAT(catalog_->problems(), has_problem("test_plugin:OwnProvisioner", complaint));
  EXPECT_EQ(start("test-plugin"), "");
  EXPECT_THAT(problems(), IsEmpty());
}

TEST_F(KernelClassesTest, a_client_whose_constructor_throws_is_failed_until_one_does_not) {
  make_catalog();
  ::setenv("ECHO_CLIENT_THROWS", "1", 1);
  const auto complaint = "Creating test_plugin:EchoClient failed: the constructor threw";
  EXPECT_EQ(start("test-plugin"), complaint);
  EXPECT_EQ(start("test-plugin"), complaint);
  EXPECT_EQ(mapping_of("test_plugin:OwnProvisioner").state, MappingInfo::State::failed);
  EXPECT_THAT(mapping_of("test_plugin:OwnProvisioner").reason, HasSubstr(complaint));
  EXPECT_THAT(catalog_->problems(), has_problem("test_plugin", complaint));
  ::unsetenv("ECHO_CLIENT_THROWS");
  EXPECT_EQ(start("test-plugin"), "");
  EXPECT_EQ(mapping_of("test_plugin:OwnProvisioner").state, MappingInfo::State::loaded);
  EXPECT_THAT(problems(), IsEmpty());
}

TEST_F(KernelClassesTest, a_plugin_that_cannot_be_loaded_is_refused_in_words_and_stops_no_other) {
  install_plugin("broken", "libnk_broken_plugin_undefined_symbol.so", "broken");
  make_catalog();
  EXPECT_THAT(start("broken"),
              AllOf(HasSubstr("plugin broken 1.0"), HasSubstr("symbol_that_nobody_defines")));
  EXPECT_THAT(catalog_->problems(), has_problem("broken", "symbol_that_nobody_defines"));
  EXPECT_THAT(start("broken"), HasSubstr("symbol_that_nobody_defines"));
  EXPECT_EQ(start("test-plugin"), "");
}

TEST_F(KernelClassesTest, a_library_whose_initializer_throws_is_unusable_and_ends_nothing) {
  install_plugin("throwing", "libnk_broken_plugin_throwing_initializer.so", "throwing");
  make_catalog();
  EXPECT_THAT(start("throwing"), AllOf(HasSubstr("libnk_broken_plugin_throwing_initializer.so"),
                                       HasSubstr("its code ended the process that tries libraries")));
  EXPECT_THAT(catalog_->problems(), has_problem("throwing", "libnk_broken_plugin_throwing_initializer.so"));
  EXPECT_EQ(start("test-plugin"), "");
}

TEST_F(KernelClassesTest, a_library_that_is_overwritten_while_it_is_in_use_goes_on) {
  const auto library = directory_.path() / "plugins/libcopy.so";
  std::filesystem::copy_file(std::filesystem::path(TEST_PLUGINS) / "libnk_test_plugin.so", library);
  install_plugin("test-plugin", library.native(), "test_plugin");
  make_catalog();
  EXPECT_EQ(start("test-plugin"), "");
  // Like cp: the file stays the same one, and its content goes.
  std::ofstream(library, std::ios::trunc) << "another library";
  EXPECT_EQ(start("test-plugin"), "");
  EXPECT_EQ(kernels_.size(), 2);
}

TEST_F(KernelClassesTest, a_client_that_its_library_lacks_is_failed) {
  // The library has the classes of test_plugin.
  options_.provisioner_client_mappings = {{"test_plugin:OwnProvisioner", "lacking:EchoClient"}};
  install_plugin("lacking", "libnk_test_plugin.so", "lacking");
  make_catalog();
  EXPECT_THAT(start("test-plugin"), AllOf(HasSubstr("lacking:EchoClient"), HasSubstr("does not have")));
  EXPECT_THAT(catalog_->problems(), has_problem("test_plugin:OwnProvisioner", "does not have"));
}

TEST_F(KernelClassesTest, doctor_can_load_what_no_kernel_has_needed_yet) {
  install_plugin("broken", "libnk_broken_plugin_no_entry.so", "broken");
  make_catalog();
  EXPECT_THAT(problems(), IsEmpty());
  catalog_->load_plugins();
  EXPECT_THAT(catalog_->problems(), has_problem("broken.json", "does not export nextgen_kernels_plugin"));
}

TEST_F(KernelClassesTest, an_unknown_provisioner_is_refused_with_those_there_are) {
  make_catalog();
  EXPECT_THAT(start("tset-plugin"), AllOf(HasSubstr("test-plugin"), HasSubstr("local-provisioner")));
}

}  // namespace
}  // namespace nextgen_kernels
