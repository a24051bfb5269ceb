#include "config/configuration_files.h"

#include <nlohmann/json.hpp>

#include "configuration_fixture.h"

namespace nextgen_kernels {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;

class ConfigurationFilesTest : public ConfigurationFixture {
 protected:
  /// The error of reading one file with this content.
  std::string error_of(std::string_view content) const {
    Configuration configuration(server_trait_table());
    return message(apply_configuration_file(configuration, write("file.json", content)));
  }
  /// The warnings of reading one file with this content.
  std::vector<std::string> warnings_of(std::string_view content) const {
    Configuration configuration(server_trait_table());
    return apply_configuration_file(configuration, write("file.json", content)).value();
  }
  std::string file() const { return (root_ / "file.json").native(); }
};

TEST_F(ConfigurationFilesTest, files_are_found_least_important_first) {
  const auto in = [this](const fs::path& path) { return write(path, "{}"); };
  const auto user = in("user/jupyter_nextgen_kernels_config.json");
  const auto system = in("system/jupyter_nextgen_kernels_config.json");
  const auto package_b = in("environment/jupyter_nextgen_kernels_config.d/b.json");
  const auto package_a = in("environment/jupyter_nextgen_kernels_config.d/a.json");
  const auto environment = in("environment/jupyter_nextgen_kernels_config.json");
  in("environment/jupyter_nextgen_kernels_config.d/README.txt");
  in("environment/jupyter_server_config.json");
  EXPECT_THAT(find_configuration_files(paths_), ElementsAre(system, package_a, package_b, environment, user));
}

TEST_F(ConfigurationFilesTest, a_syntax_error_is_located) {
  EXPECT_THAT(error_of("{\n  \"ServerApp\": {\n    \"port\": 1,\n  }\n}\n"),
              HasSubstr("Configuration file " + file() + " is not valid JSON at line 4, column 3: look for"));
  EXPECT_THAT(error_of("{'a': 1}"), HasSubstr("at line 1, column 2"));
  EXPECT_THAT(error_of("{"), HasSubstr("at line 1, column 2"));
  EXPECT_THAT(error_of(""), HasSubstr("at line 1, column 1"));
  EXPECT_THAT(error_of("{} x"), HasSubstr("at line 1, column 4"));
  EXPECT_THAT(error_of(R"({"ServerApp": {"port": 1e400}})"), HasSubstr("has a number that is out of range"));
  EXPECT_THAT(error_of("{\"a\": \"\xff\"}"), HasSubstr("not valid JSON at line 1"));
}

TEST_F(ConfigurationFilesTest, a_wrong_structure_is_told_with_an_example) {
  EXPECT_EQ(error_of("[]"), "Configuration file " + file() +
                                R"(: the file must be a JSON object, such as {"ServerApp": {"port": 8888}})");
  EXPECT_THAT(error_of(R"({"ServerApp": 5})"), HasSubstr("ServerApp must be a JSON object"));
}

TEST_F(ConfigurationFilesTest, a_wrong_type_names_the_trait_and_the_file) {
  EXPECT_EQ(
      error_of(R"({"ServerApp": {"port": "eight"}})"),
      "ServerApp.port in " + file() + ": expected an integer from 0 to 65535, such as 8888, not \"eight\"");
  EXPECT_EQ(error_of(R"({"KernelSpecManager": {"allowed_kernelspecs": {}}})"),
            "KernelSpecManager.allowed_kernelspecs in " + file() +
                R"(: expected a list of texts, such as ["TEXT", "TEXT"], not {})");
  EXPECT_THAT(
      error_of(R"({"KernelClientRegistry": {"provisioner_client_mappings": {"a": ["b"]}}})"),
      HasSubstr(
          R"(expected a dictionary of texts, whole numbers, true or false, such as {"NAME": "VALUE"}, not {"a":["b"]})"));
}

TEST_F(ConfigurationFilesTest, a_file_that_cannot_be_read_is_told) {
  Configuration configuration(server_trait_table());
  EXPECT_THAT(message(apply_configuration_file(configuration, root_ / "none.json")),
              HasSubstr("none.json: No such file or directory"));
  EXPECT_THAT(message(apply_configuration_file(configuration, root_)), HasSubstr("Is a directory"));
}

TEST_F(ConfigurationFilesTest, unknown_names_warn_with_a_suggestion) {
  EXPECT_THAT(
      warnings_of(R"({"ServerApp": {"prot": 1}, "Sparkle": {"x": 1}})"),
      ElementsAre("ServerApp.prot in " + file() + " is unknown and ignored. Did you mean ServerApp.port?",
                  "Sparkle.x in " + file() + " is unknown and ignored"));
  EXPECT_THAT(warnings_of(R"({"KernelClientRegistry": {"provisioner_client_mappings.a": "b"}})"),
              ElementsAre(HasSubstr("unknown and ignored")));
}

TEST_F(ConfigurationFilesTest, the_version_mark_of_traitlets_is_accepted) {
  EXPECT_THAT(warnings_of(R"({"version": 1, "ServerApp": {"port": 1}})"), IsEmpty());
}

TEST_F(ConfigurationFilesTest, a_deprecated_name_warns_and_gives_way_to_the_present_one) {
  EXPECT_THAT(warnings_of(R"({"ServerApp": {"token": "hunter2"}})"),
              ElementsAre("ServerApp.token in " + file() + " is deprecated: use IdentityProvider.token"));
  write("user/jupyter_nextgen_kernels_config.json",
        R"({"KernelSpecManager": {"allowed_kernelspecs": ["new"], "whitelist": ["old"]}})");
  EXPECT_EQ(shown(load(), "KernelSpecManager.allowed_kernelspecs"), R"(["new"])");
}

TEST_F(ConfigurationFilesTest, a_secret_that_others_can_read_warns) {
  const auto path = write("file.json", R"({"IdentityProvider": {"token": "hunter2"}})");
  Configuration configuration(server_trait_table());
  EXPECT_THAT(apply_configuration_file(configuration, path).value(), IsEmpty());
  fs::permissions(path, fs::perms::others_read, fs::perm_options::add);
  EXPECT_THAT(apply_configuration_file(configuration, path).value(),
              ElementsAre("IdentityProvider.token is a secret and " + file() +
                          " can be read by other users: chmod 600 " + file()));
}

TEST_F(ConfigurationFilesTest, the_remedy_for_a_readable_secret_can_be_typed) {
  const auto path = write("my file.json", R"({"IdentityProvider": {"token": "hunter2"}})");
  fs::permissions(path, fs::perms::others_read, fs::perm_options::add);
  Configuration configuration(server_trait_table());
  EXPECT_THAT(apply_configuration_file(configuration, path).value(),
              ElementsAre(EndsWith("chmod 600 '" + path.native() + "'")));
}

TEST_F(ConfigurationFilesTest, users_that_others_can_read_warn) {
  const auto warnings = [this](const std::string& users) {
    const auto path = write("file.json", R"({"IdentityProvider": {"users": )" + users + "}}");
    fs::permissions(path, fs::perms::others_read, fs::perm_options::add);
    Configuration configuration(server_trait_table());
    return apply_configuration_file(configuration, path).value();
  };
  EXPECT_THAT(warnings(R"([{"username": "ada", "token": "0123456789abcdef"}])"),
              ElementsAre("IdentityProvider.users is a secret and " + file() +
                          " can be read by other users: chmod 600 " + file()));
  EXPECT_THAT(warnings("[]"), IsEmpty());
}

TEST_F(ConfigurationFilesTest, the_default_file_has_every_trait_and_changes_nothing) {
  const auto path = write_default_configuration(server_trait_table(), paths_, ExistingFile::refuse);
  ASSERT_TRUE(path.has_value()) << path.error().message;
  EXPECT_EQ(*path, root_ / "user/jupyter_nextgen_kernels_config.json");
  EXPECT_EQ(fs::status(*path).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  const auto document = nlohmann::json::parse(std::ifstream(*path));
  for (const auto& trait : server_trait_table().traits())
    EXPECT_TRUE(document.at(trait.class_name).contains(trait.name)) << trait.full_name();

  const auto loaded = load();
  ASSERT_TRUE(loaded.has_value()) << loaded.error().message;
  EXPECT_THAT(loaded->warnings, IsEmpty());
  for (const auto& trait : server_trait_table().traits())
    EXPECT_EQ(loaded->configuration.value(trait), trait.default_value) << trait.full_name();
}

TEST_F(ConfigurationFilesTest, an_existing_file_is_kept_unless_it_may_be_overwritten) {
  const auto path = write("user/jupyter_nextgen_kernels_config.json", R"({"ServerApp": {"port": 1}})");
  const auto refused = write_default_configuration(server_trait_table(), paths_, ExistingFile::refuse);
  EXPECT_EQ(message(refused),
            path.native() +
                " exists and was left as it is; add --overwrite (or -y) to replace it with the defaults");
  EXPECT_EQ(shown(load(), "ServerApp.port"), "1");
  EXPECT_TRUE(write_default_configuration(server_trait_table(), paths_, ExistingFile::overwrite).has_value());
  EXPECT_EQ(shown(load(), "ServerApp.port"), "8888");
}

TEST_F(ConfigurationFilesTest, a_place_that_cannot_be_written_is_told) {
  paths_.config_dir = write("file", "") / "below";
  EXPECT_THAT(message(write_default_configuration(server_trait_table(), paths_, ExistingFile::refuse)),
              HasSubstr("create directory"));
}

}  // namespace
}  // namespace nextgen_kernels
