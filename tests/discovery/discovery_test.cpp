#include "discovery/discovery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../support/temporary_directory.h"
#include "discovery/plugin_abi_version.h"

namespace nextgen_kernels {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
namespace fs = std::filesystem;

class DiscoveryTest : public testing::Test {
 protected:
  DiscoveryTest() {
    fs::create_directories(plugins());
    directory_.write("lib/libone.so", "");
  }

  fs::path plugins() const { return directory_.path() / "plugins"; }

  static json manifest(const std::string& package) {
    return {
        {"manifest_version", 1},
        {"package", package},
        {"version", "1.0"},
        {"abi", plugin_abi_version},
        {"library", "../lib/libone.so"},
        {"classes", {{{"reference", package + ":Provisioner"}, {"kind", "provisioner"}}}},
        {"entry_points",
         {{"jupyter_client.kernel_provisioners", {{package + "-provisioner", package + ":Provisioner"}}}}}};
  }

  fs::path install(const std::string& name, const json& document) const {
    return directory_.write("plugins/" + name, document.dump());
  }

  Discovery discover_plugins() const { return discover({.plugin_path = {plugins()}}); }

  TemporaryDirectory directory_;
};

auto entry_point(std::string_view name) {
  return Field(&EntryPoint::name, name);
}
auto problem(std::string_view subject, std::string_view message) {
  return AllOf(Field(&RegistryProblem::subject, HasSubstr(std::string(subject))),
               Field(&RegistryProblem::message, HasSubstr(std::string(message))));
}

TEST_F(DiscoveryTest, finds_plugins_in_the_named_folders_then_in_jupyters_then_python_distributions) {
  install("b.json", manifest("b"));
  install("a.json", manifest("a"));
  install("readme.txt", "no manifest");
  install(".hidden.json", "no manifest");
  auto in_data = manifest("c");
  in_data["library"] = (directory_.path() / "lib/libone.so").native();
  directory_.write("data/nextgen_kernels/plugins/c.json", in_data.dump());
  directory_.write("site/d-1.0.dist-info/entry_points.txt",
                   "[jupyter_client.kernel_provisioners]\nd-provisioner = d:D\n"
                   "[jupyter_kernel_client_registry]\nd:D = d:Client\n");
  const auto found = discover({.plugin_path = {plugins()},
                               .data_path = {directory_.path() / "nowhere", directory_.path() / "data"},
                               .python_path = {directory_.path() / "site"}});
  EXPECT_THAT(found.problems, IsEmpty());
  ASSERT_THAT(found.plugins, SizeIs(3));
  EXPECT_EQ(found.plugins[0].manifest.package, "a");
  EXPECT_EQ(found.plugins[0].manifest.library, directory_.path() / "lib/libone.so");
  EXPECT_EQ(found.plugins[0].unusable, "");
  EXPECT_THAT(found.provisioners, ElementsAre(entry_point("a-provisioner"), entry_point("b-provisioner"),
                                              entry_point("c-provisioner"), entry_point("d-provisioner")));
  EXPECT_THAT(found.clients, ElementsAre(entry_point("d:D")));
}

TEST_F(DiscoveryTest, a_broken_manifest_stops_none_of_the_others) {
  directory_.write("plugins/broken.json", "{");
  fs::create_directories(plugins() / "folder.json");
  install("good.json", manifest("good"));
  const auto found = discover_plugins();
  EXPECT_THAT(found.plugins, SizeIs(1));
  EXPECT_THAT(found.problems, ElementsAre(problem("broken.json", "parse error at line 1"),
                                          problem("folder.json", "folder.json")));
}

TEST_F(DiscoveryTest, a_plugin_whose_library_cannot_be_loaded_stays_listed_with_the_reason) {
  auto missing = manifest("missing");
  missing["library"] = "../lib/libgone.so";
  install("1.json", missing);
  auto other_abi = manifest("other");
  other_abi["abi"] = plugin_abi_version + 1;
  install("2.json", other_abi);
  const auto found = discover_plugins();
  ASSERT_THAT(found.plugins, SizeIs(2));
  EXPECT_THAT(found.plugins[0].unusable, HasSubstr("lib/libgone.so is missing"));
  EXPECT_THAT(found.plugins[1].unusable,
              AllOf(HasSubstr(fmt::format("version {} of the plugin ABI", plugin_abi_version + 1)),
                    HasSubstr(fmt::format("has version {}", plugin_abi_version))));
  EXPECT_THAT(found.provisioners, SizeIs(2));
  EXPECT_THAT(found.problems, ElementsAre(problem("1.json", "is missing"), problem("2.json", "plugin ABI")));
}

TEST_F(DiscoveryTest, the_first_manifest_of_a_package_is_used) {
  install("1.json", manifest("some_package"));
  auto second = manifest("other");
  second["package"] = "Some-Package";
  second["version"] = "2.0";
  install("2.json", second);
  const auto found = discover_plugins();
  ASSERT_THAT(found.plugins, SizeIs(1));
  EXPECT_EQ(found.plugins[0].manifest.version, "1.0");
  EXPECT_THAT(found.problems, ElementsAre(problem("2.json", "1.json, which is used instead")));
}

TEST_F(DiscoveryTest, what_everybody_can_write_is_refused) {
  const auto open_to_all = fs::perms::others_write;
  const auto file = install("open.json", manifest("open"));
  install("closed.json", manifest("closed"));
  fs::permissions(file, open_to_all, fs::perm_options::add);
  auto found = discover_plugins();
  EXPECT_THAT(found.plugins, SizeIs(1));
  EXPECT_THAT(found.problems, ElementsAre(problem("open.json", "written by everybody")));

  fs::permissions(file, open_to_all, fs::perm_options::remove);
  fs::permissions(directory_.path() / "lib", open_to_all, fs::perm_options::add);
  found = discover_plugins();
  ASSERT_THAT(found.plugins, SizeIs(2));
  EXPECT_THAT(found.plugins[0].unusable, HasSubstr("the folder of its library"));

  fs::permissions(directory_.path() / "lib", open_to_all, fs::perm_options::remove);
  fs::permissions(directory_.path() / "lib/libone.so", open_to_all, fs::perm_options::add);
  EXPECT_THAT(discover_plugins().plugins[0].unusable, HasSubstr("chmod go-w"));

  fs::permissions(plugins(), open_to_all, fs::perm_options::add);
  found = discover_plugins();
  EXPECT_THAT(found.plugins, IsEmpty());
  EXPECT_THAT(found.problems, ElementsAre(problem("plugins", "Nothing in it is used")));
}

TEST_F(DiscoveryTest, the_remedy_for_a_writable_manifest_can_be_typed) {
  install("my plugin.json", manifest("a"));
  const auto file = plugins() / "my plugin.json";
  fs::permissions(file, fs::perms::others_write, fs::perm_options::add);
  EXPECT_THAT(discover_plugins().problems,
              ElementsAre(problem("my plugin.json", "chmod go-w '" + file.native() + "'")));
}

TEST_F(DiscoveryTest, the_owners_own_group_may_write) {
  fs::permissions(plugins(), fs::perms::group_write, fs::perm_options::add);
  install("a.json", manifest("a"));
  EXPECT_THAT(discover_plugins().plugins, SizeIs(1));
}

TEST_F(DiscoveryTest, a_named_folder_that_is_missing_is_a_problem_and_one_of_jupyters_is_not) {
  const auto nowhere = directory_.path() / "nowhere";
  EXPECT_THAT(discover({.plugin_path = {nowhere}}).problems, ElementsAre(problem("nowhere", "No such file")));
  EXPECT_THAT(discover({.data_path = {nowhere}}).problems, IsEmpty());
}

TEST_F(DiscoveryTest, a_folder_that_is_named_twice_is_read_once) {
  install("a.json", manifest("a"));
  fs::create_directory_symlink(plugins(), directory_.path() / "link");
  const auto found = discover({.plugin_path = {plugins(), directory_.path() / "link"}});
  EXPECT_THAT(found.plugins, SizeIs(1));
  EXPECT_THAT(found.problems, IsEmpty());
}

TEST_F(DiscoveryTest, unknown_fields_of_a_manifest_are_problems_of_a_plugin_that_is_used) {
  auto document = manifest("a");
  document["colour"] = "blue";
  install("a.json", document);
  const auto found = discover_plugins();
  EXPECT_THAT(found.plugins, SizeIs(1));
  EXPECT_THAT(found.problems, ElementsAre(problem("a.json", "colour is not known")));
}

}  // namespace
}  // namespace nextgen_kernels
