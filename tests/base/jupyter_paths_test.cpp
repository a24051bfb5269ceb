#include "base/jupyter_paths.h"

#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace nextgen_kernels {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// A home directory and a Python environment of the test's own. Nothing of the real environment is visible:
/// PATH has no `python3` unless a test makes one.
class JupyterPathsTest : public testing::Test {
 protected:
  JupyterPathsTest() {
    std::string name = (fs::temp_directory_path() / "jupyter_paths_test.XXXXXX").native();
    root_ = fs::canonical(mkdtemp(name.data()));
    environment_ = {{"HOME", "/home/ada"}};
  }
  ~JupyterPathsTest() override { fs::remove_all(root_); }

  void write(const fs::path& path, const std::string& content) const {
    fs::create_directories(path.parent_path());
    std::ofstream(path) << content;
  }
  fs::path make_python(const fs::path& prefix) const {
    write(prefix / "bin/python3", "#!/bin/sh\n");
    fs::permissions(prefix / "bin/python3", fs::perms::owner_all);
    return prefix;
  }
  fs::path make_virtualenv(const fs::path& prefix, const std::string& settings = "home = /usr/bin\n") const {
    write(prefix / "pyvenv.cfg", settings);
    return make_python(prefix);
  }

  fs::path root_;
  Environment environment_;
};

TEST_F(JupyterPathsTest, defaults_are_those_of_jupyter_on_linux) {
  const auto paths = find_jupyter_paths(environment_);
  EXPECT_EQ(paths.config_dir, "/home/ada/.jupyter");
  EXPECT_EQ(paths.data_dir, "/home/ada/.local/share/jupyter");
  EXPECT_EQ(paths.runtime_dir, "/home/ada/.local/share/jupyter/runtime");
  EXPECT_EQ(paths.python_user_base, "/home/ada/.local");
  EXPECT_THAT(paths.data_path, ElementsAre("/home/ada/.local/share/jupyter", "/usr/local/share/jupyter",
                                           "/usr/share/jupyter"));
  EXPECT_THAT(paths.config_path, ElementsAre("/home/ada/.jupyter", "/home/ada/.local/etc/jupyter",
                                             "/usr/local/etc/jupyter", "/etc/jupyter"));
  EXPECT_THAT(paths.environment_prefixes, IsEmpty());
}

TEST_F(JupyterPathsTest, variables_name_the_directories_of_the_user) {
  environment_["XDG_DATA_HOME"] = "/xdg";
  EXPECT_EQ(find_jupyter_paths(environment_).runtime_dir, "/xdg/jupyter/runtime");
  environment_["JUPYTER_DATA_DIR"] = "/data";
  environment_["JUPYTER_CONFIG_DIR"] = "/config";
  auto paths = find_jupyter_paths(environment_);
  EXPECT_EQ(paths.data_dir, "/data");
  EXPECT_EQ(paths.runtime_dir, "/data/runtime");
  EXPECT_EQ(paths.config_dir, "/config");
  environment_["JUPYTER_RUNTIME_DIR"] = "/run/jupyter";
  EXPECT_EQ(find_jupyter_paths(environment_).runtime_dir, "/run/jupyter");
}

TEST_F(JupyterPathsTest, an_empty_variable_is_as_good_as_none) {
  environment_["JUPYTER_DATA_DIR"] = "";
  environment_["JUPYTER_PATH"] = "";
  environment_["VIRTUAL_ENV"] = "";
  const auto paths = find_jupyter_paths(environment_);
  EXPECT_EQ(paths.data_dir, "/home/ada/.local/share/jupyter");
  EXPECT_EQ(paths.data_path.front(), "/home/ada/.local/share/jupyter");
}

TEST_F(JupyterPathsTest, search_paths_of_the_environment_come_first) {
  environment_["JUPYTER_PATH"] = "/one/:/two::/one";
  environment_["JUPYTER_CONFIG_PATH"] = "/three";
  const auto paths = find_jupyter_paths(environment_);
  EXPECT_THAT(paths.data_path, ElementsAre("/one", "/two", "/home/ada/.local/share/jupyter",
                                           "/usr/local/share/jupyter", "/usr/share/jupyter"));
  EXPECT_EQ(paths.config_path.front(), "/three");
}

TEST_F(JupyterPathsTest, platform_directories_follow_the_xdg_variables) {
  environment_["JUPYTER_PLATFORM_DIRS"] = "1";
  environment_["XDG_CONFIG_HOME"] = "/xdg/config";
  environment_["XDG_DATA_DIRS"] = "/opt/share";
  const auto paths = find_jupyter_paths(environment_);
  EXPECT_EQ(paths.config_dir, "/xdg/config/jupyter");
  EXPECT_EQ(paths.data_path.back(), "/opt/share/jupyter");
  EXPECT_EQ(paths.config_path.back(), "/etc/xdg/jupyter");
}

TEST_F(JupyterPathsTest, platform_directories_can_be_refused) {
  for (const auto* no : {"0", "No", "FALSE", "off"}) {
    environment_["JUPYTER_PLATFORM_DIRS"] = no;
    EXPECT_EQ(find_jupyter_paths(environment_).config_dir, "/home/ada/.jupyter") << no;
  }
}

TEST_F(JupyterPathsTest, no_config_means_no_configuration_directory_is_read) {
  environment_["JUPYTER_NO_CONFIG"] = "1";
  EXPECT_THAT(find_jupyter_paths(environment_).config_path, IsEmpty());
}

TEST_F(JupyterPathsTest, a_foreign_environment_comes_after_the_user) {
  const auto paths = find_jupyter_paths(environment_, {"/opt/python/"});
  EXPECT_THAT(paths.data_path, ElementsAre("/home/ada/.local/share/jupyter", "/opt/python/share/jupyter",
                                           "/usr/local/share/jupyter", "/usr/share/jupyter"));
  EXPECT_THAT(paths.config_path,
              ElementsAre("/home/ada/.jupyter", "/home/ada/.local/etc/jupyter", "/opt/python/etc/jupyter",
                          "/usr/local/etc/jupyter", "/etc/jupyter"));
}

TEST_F(JupyterPathsTest, an_own_virtualenv_comes_before_the_user) {
  environment_["VIRTUAL_ENV"] = make_virtualenv(root_ / "venv").native() + "/";
  const auto paths = find_jupyter_paths(environment_);
  EXPECT_THAT(paths.environment_prefixes, ElementsAre(root_ / "venv"));
  EXPECT_EQ(paths.data_path.front(), root_ / "venv/share/jupyter");
  EXPECT_EQ(paths.config_path.front(), root_ / "venv/etc/jupyter");
}

TEST_F(JupyterPathsTest, the_preference_variable_overrides_the_guess) {
  environment_["VIRTUAL_ENV"] = make_virtualenv(root_ / "venv");
  environment_["JUPYTER_PREFER_ENV_PATH"] = "0";
  EXPECT_EQ(find_jupyter_paths(environment_).data_path.front(), "/home/ada/.local/share/jupyter");
  environment_["JUPYTER_PREFER_ENV_PATH"] = "1";
  EXPECT_EQ(find_jupyter_paths(environment_, {"/opt/python"}).data_path.front(), "/opt/python/share/jupyter");
}

TEST_F(JupyterPathsTest, an_own_conda_environment_comes_before_the_user_and_the_base_one_after) {
  environment_["CONDA_PREFIX"] = make_python(root_ / "conda").native() + "/";
  EXPECT_EQ(find_jupyter_paths(environment_).data_path.front(), "/home/ada/.local/share/jupyter");
  environment_["CONDA_DEFAULT_ENV"] = "science";
  EXPECT_EQ(find_jupyter_paths(environment_).data_path.front(), root_ / "conda/share/jupyter");
}

TEST_F(JupyterPathsTest, a_virtualenv_hides_the_packages_of_the_user_as_python_does) {
  environment_["VIRTUAL_ENV"] = make_virtualenv(root_ / "venv");
  EXPECT_THAT(find_jupyter_paths(environment_).config_path, Not(Contains("/home/ada/.local/etc/jupyter")));
  make_virtualenv(root_ / "venv", "home = /usr/bin\ninclude-system-site-packages = true\n");
  EXPECT_THAT(find_jupyter_paths(environment_).config_path, Contains("/home/ada/.local/etc/jupyter"));
  environment_["PYTHONUSERBASE"] = "/packages";
  EXPECT_THAT(find_jupyter_paths(environment_).data_path, Contains("/packages/share/jupyter"));
  environment_["PYTHONNOUSERSITE"] = "1";
  EXPECT_THAT(find_jupyter_paths(environment_).data_path, Not(Contains("/packages/share/jupyter")));
}

TEST_F(JupyterPathsTest, prefixes_are_the_named_ones_else_virtualenv_else_conda_else_python_on_the_path) {
  make_python(root_ / "python");
  environment_["PATH"] = "/nowhere:" + (root_ / "python/bin").native();
  EXPECT_THAT(find_jupyter_paths(environment_).environment_prefixes, ElementsAre(root_ / "python"));
  environment_["CONDA_PREFIX"] = "/conda";
  EXPECT_THAT(find_jupyter_paths(environment_).environment_prefixes, ElementsAre("/conda"));
  environment_["VIRTUAL_ENV"] = "/venv";
  EXPECT_THAT(find_jupyter_paths(environment_).environment_prefixes, ElementsAre("/venv"));
  EXPECT_THAT(find_jupyter_paths(environment_, {"/a", "/b"}).environment_prefixes, ElementsAre("/a", "/b"));
}

TEST_F(JupyterPathsTest, a_linked_python_on_the_path_tells_its_real_prefix_unless_it_is_a_virtualenv) {
  make_python(root_ / "real");
  fs::create_directories(root_ / "linked/bin");
  fs::create_symlink(root_ / "real/bin/python3", root_ / "linked/bin/python3");
  environment_["PATH"] = (root_ / "linked/bin").native();
  EXPECT_THAT(find_jupyter_paths(environment_).environment_prefixes, ElementsAre(root_ / "real"));
  write(root_ / "linked/pyvenv.cfg", "");
  EXPECT_THAT(find_jupyter_paths(environment_).environment_prefixes, ElementsAre(root_ / "linked"));
}

TEST_F(JupyterPathsTest, a_shim_of_a_version_manager_is_passed_over) {
  make_python(root_ / "real");
  write(root_ / "shims/python3", "#!/bin/sh\n");
  fs::permissions(root_ / "shims/python3", fs::perms::owner_all);
  environment_["PATH"] = (root_ / "shims").native() + ":" + (root_ / "real/bin").native();
  EXPECT_THAT(find_jupyter_paths(environment_).environment_prefixes, ElementsAre(root_ / "real"));
}

TEST_F(JupyterPathsTest, a_system_directory_keeps_its_place_as_an_environment) {
  const auto paths = find_jupyter_paths(environment_, {"/usr"});
  EXPECT_THAT(paths.data_path, ElementsAre("/home/ada/.local/share/jupyter", "/usr/local/share/jupyter",
                                           "/usr/share/jupyter"));
}

TEST_F(JupyterPathsTest, the_runtime_directory_is_private_from_its_first_moment) {
  const auto directory = root_ / "data/runtime";
  ASSERT_TRUE(create_runtime_directory(directory).has_value());
  EXPECT_EQ(fs::status(directory).permissions(), fs::perms::owner_all);
  EXPECT_TRUE(create_runtime_directory(directory).has_value()) << "an existing one is fine";
}

TEST_F(JupyterPathsTest, a_file_in_place_of_the_runtime_directory_is_told) {
  write(root_ / "runtime", "");
  const auto created = create_runtime_directory(root_ / "runtime");
  ASSERT_FALSE(created.has_value());
  EXPECT_EQ(created.error().code, ErrorCode::already_exists);
  EXPECT_THAT(created.error().message, HasSubstr("JUPYTER_RUNTIME_DIR"));
  EXPECT_FALSE(create_runtime_directory(root_ / "runtime/below").has_value());
}

}  // namespace
}  // namespace nextgen_kernels
