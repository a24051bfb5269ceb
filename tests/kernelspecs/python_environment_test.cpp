#include "kernelspecs/python_environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../support/temporary_directory.h"

namespace nextgen_kernels {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// A Python with pip, as it is installed by default.
std::filesystem::path add_python(const TemporaryDirectory& directory, const std::string& prefix) {
  directory.write_program(prefix + "/bin/python3", "");
  std::filesystem::create_directories(directory.path() / prefix / "lib/python3.11/site-packages/pip");
  return directory.path() / prefix;
}

TEST(IpykernelCommands, are_one_for_an_ordinary_python) {
  const TemporaryDirectory directory;
  const auto prefix = add_python(directory, "opt");
  EXPECT_THAT(ipykernel_commands({directory.path() / "missing", prefix}),
              ElementsAre((prefix / "bin/python3").native() + " -m pip install ipykernel"));
}

TEST(IpykernelCommands, quote_what_the_shell_would_take_apart) {
  const TemporaryDirectory directory;
  const auto prefix = add_python(directory, "my python");
  EXPECT_THAT(ipykernel_commands({prefix}),
              ElementsAre("'" + (prefix / "bin/python3").native() + "' -m pip install ipykernel"));
}

TEST(IpykernelCommands, make_an_environment_where_the_system_owns_the_packages) {
  const TemporaryDirectory directory;
  const auto prefix = add_python(directory, "usr");
  directory.write("usr/lib/python3.11/EXTERNALLY-MANAGED", "[externally-managed]\n");
  EXPECT_TRUE(is_externally_managed(prefix));
  EXPECT_THAT(ipykernel_commands({prefix}),
              ElementsAre((prefix / "bin/python3").native() + " -m venv ~/.venvs/ipykernel",
                          "~/.venvs/ipykernel/bin/pip install ipykernel",
                          "~/.venvs/ipykernel/bin/python -m ipykernel install --user"));
}

TEST(IpykernelCommands, make_an_environment_where_there_is_no_pip_or_no_python) {
  const TemporaryDirectory directory;
  directory.write_program("usr/bin/python3", "");
  EXPECT_EQ(ipykernel_commands({directory.path() / "usr"}).size(), 3U);
  EXPECT_EQ(ipykernel_commands({}).front(), "python3 -m venv ~/.venvs/ipykernel");
}

TEST(IpykernelCommands, stay_in_a_virtual_environment) {
  const TemporaryDirectory directory;
  const auto prefix = add_python(directory, "venv");
  directory.write("venv/pyvenv.cfg", "home = /usr/bin\n");
  directory.write("venv/lib/python3.11/EXTERNALLY-MANAGED", "");
  const auto python = (prefix / "bin/python3").native();
  EXPECT_FALSE(is_externally_managed(prefix));
  EXPECT_EQ(ipykernel_commands({prefix}).back(), python + " -m pip install ipykernel");

  std::filesystem::remove_all(prefix / "lib");
  EXPECT_THAT(ipykernel_commands({prefix}),
              ElementsAre(python + " -m ensurepip", python + " -m pip install ipykernel"));
}

TEST(MissingIpykernel, is_recognized_in_the_output_of_a_kernel) {
  const TemporaryDirectory directory;
  const auto python = (add_python(directory, "opt") / "bin/python3").native();
  EXPECT_EQ(explain_missing_ipykernel("a warning\n" + python + ": No module named ipykernel_launcher\n"),
            "Its Python has no ipykernel. To install it, run: " + python + " -m pip install ipykernel");
  EXPECT_THAT(explain_missing_ipykernel("/nowhere/python: No module named ipykernel_launcher"),
              HasSubstr("python3 -m venv"));
  EXPECT_THAT(explain_missing_ipykernel("ModuleNotFoundError: No module named 'numpy'"), IsEmpty());
  EXPECT_THAT(explain_missing_ipykernel(""), IsEmpty());
}

}  // namespace
}  // namespace nextgen_kernels
