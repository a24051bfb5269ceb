#include "kernelspecs/launch_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../support/temporary_directory.h"

namespace nextgen_kernels {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::Pair;
using Environment = std::map<std::string, std::string>;

KernelSpec spec_with(std::vector<std::string> argv, const fs::path& resource_dir = "/specs/test") {
  KernelSpec spec;
  spec.name = "test";
  spec.argv = std::move(argv);
  spec.resource_dir = resource_dir;
  return spec;
}

TEST(EnvironmentPrefix, is_above_share_jupyter_kernels) {
  EXPECT_EQ(environment_prefix("/opt/env/share/jupyter/kernels/python3"), "/opt/env");
  EXPECT_EQ(environment_prefix("/opt/env/share/jupyter/kernels/python3/"), "/opt/env");
  EXPECT_EQ(environment_prefix("/opt/x/../env/share/./jupyter/kernels/python3"), "/opt/env");
  EXPECT_EQ(environment_prefix("/opt/env/share/jupyter/other/python3"), std::nullopt);
  EXPECT_EQ(environment_prefix("/kernels/python3"), std::nullopt);
  EXPECT_EQ(environment_prefix(""), std::nullopt);
}

TEST(FormatKernelCommand, replaces_placeholders_it_knows) {
  const auto spec =
      spec_with({"/bin/kernel", "--file={connection_file}", "{resource_dir}/{resource_dir}", "{prefix}",
                 "{kernel_id}", "{unknown}", "{}", "{not a name}", "{", "{kernel_id", "{{kernel_id}}"});
  const LaunchValues values{.connection_file = "/run/kernel-1.json",
                            .default_prefix = "/opt/default",
                            .named = {{"kernel_id", "1"}},
                            .extra_arguments = {"--id={kernel_id}"}};
  EXPECT_THAT(
      format_kernel_command(spec, values, {}),
      ElementsAre("/bin/kernel", "--file=/run/kernel-1.json", "/specs/test//specs/test", "/opt/default", "1",
                  "{unknown}", "{}", "{not a name}", "{", "{kernel_id", "{1}", "--id=1"));
}

TEST(FormatKernelCommand, takes_the_prefix_from_the_place_of_the_spec) {
  const auto spec = spec_with({"{prefix}/bin/kernel"}, "/opt/env/share/jupyter/kernels/test");
  EXPECT_THAT(format_kernel_command(spec, {.connection_file = "/c", .default_prefix = "/opt/default"}, {}),
              ElementsAre("/opt/env/bin/kernel"));
}

TEST(FormatKernelCommand, leaves_the_prefix_when_there_is_none) {
  EXPECT_THAT(format_kernel_command(spec_with({"{prefix}/bin/kernel"}), {.connection_file = "/c"}, {}),
              ElementsAre("{prefix}/bin/kernel"));
}

TEST(FormatKernelCommand, does_not_substitute_inside_of_values) {
  const LaunchValues values{.connection_file = "/c", .named = {{"cwd", "{kernel_id}"}, {"kernel_id", "1"}}};
  EXPECT_THAT(format_kernel_command(spec_with({"k", "{cwd}"}), values, {}), ElementsAre("k", "{kernel_id}"));
}

TEST(FormatKernelCommand, named_values_win) {
  const LaunchValues values{.connection_file = "/c", .named = {{"connection_file", "tcp://host"}}};
  EXPECT_THAT(format_kernel_command(spec_with({"k", "{connection_file}"}), values, {}),
              ElementsAre("k", "tcp://host"));
}

TEST(FormatKernelCommand, resolves_links_of_the_connection_file) {
  const TemporaryDirectory directory;
  directory.write("real/kernel.json", "");
  fs::create_directory_symlink("real", directory.path() / "link");
  EXPECT_THAT(format_kernel_command(spec_with({"k", "{connection_file}"}),
                                    {.connection_file = directory.path() / "link" / "kernel.json"}, {}),
              ElementsAre("k", (directory.path() / "real" / "kernel.json").string()));
}

TEST(FormatKernelCommand, expands_the_home_directory_at_the_start_of_an_argument) {
  const auto spec = spec_with({"~/bin/kernel", "~", "~other/x", "a~/b"});
  EXPECT_THAT(format_kernel_command(spec, {.connection_file = "/c"}, {{"HOME", "/home/ada"}}),
              ElementsAre("/home/ada/bin/kernel", "/home/ada", "~other/x", "a~/b"));
  EXPECT_THAT(format_kernel_command(spec_with({"~/k"}), {.connection_file = "/c"}, {}), ElementsAre("~/k"));
}

class PythonProgram : public testing::Test {
 protected:
  std::string add_program(const fs::path& name) { return directory_.write_program(name, "").string(); }
  /// argv[0] as formatted for a spec installed in the environment `env`, with `path` on PATH.
  std::string resolve(const std::string& program) {
    const auto spec = spec_with({program}, directory_.path() / "env/share/jupyter/kernels/test");
    const Environment environment{{"PATH", "relative::" + (directory_.path() / "path").string()}};
    return format_kernel_command(spec, {.connection_file = "/c"}, environment).front();
  }
  TemporaryDirectory directory_;
};

TEST_F(PythonProgram, is_the_one_of_the_environment_of_the_spec) {
  const auto python = add_program("env/bin/python");
  const auto python3 = add_program("env/bin/python3");
  const auto python3_12 = add_program("env/bin/python3.12");
  add_program("path/python");
  EXPECT_EQ(resolve("python"), python);
  EXPECT_EQ(resolve("python3"), python3);
  EXPECT_EQ(resolve("python3.12"), python3_12);
}

TEST_F(PythonProgram, may_be_called_python_or_python3_only) {
  const auto python3 = add_program("env/bin/python3");
  add_program("path/python");
  EXPECT_EQ(resolve("python"), python3);
  EXPECT_EQ(resolve("python3.12"), "python3.12") << "another version is not a substitute";
}

TEST_F(PythonProgram, comes_from_the_path_when_the_environment_has_none) {
  const auto python3 = add_program("path/python3");
  directory_.write("env/bin/python", "not executable");
  EXPECT_EQ(resolve("python"), python3);
}

TEST_F(PythonProgram, stays_as_it_is_when_there_is_none) {
  EXPECT_EQ(resolve("python"), "python");
}

TEST_F(PythonProgram, is_not_guessed_for_other_programs) {
  for (const auto* program : {"pythonw", "python2", "python3.", "python3.x", "ipython", "/usr/bin/python"}) {
    add_program(fs::path("env/bin") / fs::path(program).filename());
    EXPECT_EQ(resolve(program), program);
  }
}

TEST(KernelEnvironment, substitutes_like_python_templates) {
  KernelSpec spec;
  spec.env = {{"NAMED", "$A ${A} $$ $ ${ ${} ${A $1 $AB ${\u00e9} $A\u00e9 $a_1 ${A-x}$$A"},
              {"DOLLARS", "$$$A"},
              {"PATH", "/opt/bin:$PATH"}};
  const auto environment = kernel_environment(spec, {{"A", "v"}, {"a_1", "w"}, {"PATH", "/bin"}});
  EXPECT_EQ(environment.at("NAMED"), "v v $ $ ${ ${} ${A $1 $AB ${\u00e9} v\u00e9 w ${A-x}$A");
  EXPECT_EQ(environment.at("DOLLARS"), "$v");
  EXPECT_EQ(environment.at("PATH"), "/opt/bin:/bin");
  EXPECT_EQ(environment.at("A"), "v");
}

TEST(KernelEnvironment, substitutes_values_of_the_base_only) {
  KernelSpec spec;
  spec.env = {{"A", "new"}, {"B", "$A"}, {"C", "$B"}};
  EXPECT_THAT(kernel_environment(spec, {{"A", "$B"}}),
              ElementsAre(Pair("A", "new"), Pair("B", "$B"), Pair("C", "$B")));
}

TEST(KernelEnvironment, drops_pythonexecutable_for_python_kernels) {
  KernelSpec spec;
  spec.language = "Python3";
  EXPECT_THAT(kernel_environment(spec, {{"PYTHONEXECUTABLE", "/x"}}), testing::IsEmpty());
  spec.language = "R";
  EXPECT_THAT(kernel_environment(spec, {{"PYTHONEXECUTABLE", "/x"}}),
              ElementsAre(Pair("PYTHONEXECUTABLE", "/x")));
}

}  // namespace
}  // namespace nextgen_kernels
