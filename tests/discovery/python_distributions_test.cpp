#include "discovery/python_distributions.h"

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
using testing::IsEmpty;
using testing::StartsWith;

class PythonDistributionsTest : public testing::Test {
 protected:
  /// A distribution with one provisioner, called like it, of the class `module:Class`.
  void install(const std::string& metadata, const std::string& provisioner, const std::string& value) const {
    directory_.write(metadata + "/entry_points.txt",
                     "[jupyter_client.kernel_provisioners]\n" + provisioner + " = " + value + "\n");
  }

  std::filesystem::path folder(const char* name) const {
    std::filesystem::create_directories(directory_.path() / name);
    return directory_.path() / name;
  }

  TemporaryDirectory directory_;
};

auto provisioner(std::string_view name, std::string_view distribution) {
  return AllOf(Field(&EntryPoint::name, name), Field(&EntryPoint::distribution, distribution));
}

TEST_F(PythonDistributionsTest, reads_wheels_and_eggs_in_the_order_of_the_path) {
  install("late/zeta-3.0.dist-info", "zeta", "z:Z");
  install("early/spark_kernels-1.2.dist-info", "spark", "s:S");
  install("early/old_thing-0.1-py3.11.egg-info", "old", "o:O");
  install("early/developed.egg-info", "developed", "d:D");
  directory_.write("early/plain-1.0.dist-info/METADATA", "Name: plain\n");
  directory_.write("early/single.egg-info", "an egg-info may be one file");
  directory_.write("early/~park_kernels-1.1.dist-info/entry_points.txt",
                   "[jupyter_client.kernel_provisioners]\nx\n");
  directory_.write("early/.dist-info/entry_points.txt", "[jupyter_client.kernel_provisioners]\nx\n");
  const auto found = find_python_distributions(std::vector{folder("early"), folder("late")});
  EXPECT_THAT(found.provisioners,
              ElementsAre(provisioner("developed", "developed"), provisioner("old", "old_thing 0.1"),
                          provisioner("spark", "spark_kernels 1.2"), provisioner("zeta", "zeta 3.0")));
  EXPECT_THAT(found.problems, IsEmpty());
}

TEST_F(PythonDistributionsTest, the_first_distribution_of_a_name_hides_the_others) {
  directory_.write("early/Spark.Kernels-2.0.dist-info/METADATA", "this version has no entry points any more");
  install("late/spark_kernels-1.0.dist-info", "spark", "s:S");
  install("late/other-1.0.dist-info", "other", "o:O");
  const auto found = find_python_distributions(std::vector{folder("early"), folder("late")});
  EXPECT_THAT(found.provisioners, ElementsAre(provisioner("other", "other 1.0")));
}

TEST_F(PythonDistributionsTest, a_hidden_distribution_is_a_problem_when_something_of_it_is_lost) {
  install("early/same-2.0.dist-info", "same", "s:S");
  install("late/same-1.0.dist-info", "same", "s:S");
  install("early/changed-2.0.dist-info", "changed", "c:New");
  install("late/changed-1.0.dist-info", "changed", "c:Old");
  directory_.write("early/plain-1.0.dist-info/METADATA", "");
  directory_.write("late/plain-2.0.dist-info/METADATA", "");
  const auto found = find_python_distributions(std::vector{folder("early"), folder("late")});
  ASSERT_EQ(found.problems.size(), 1) << "what is lost by the others is nothing";
  EXPECT_EQ(found.problems[0].subject,
            (directory_.path() / "late/changed-1.0.dist-info/entry_points.txt").native());
  EXPECT_EQ(found.problems[0].source, "changed 1.0");
  EXPECT_THAT(found.problems[0].message, HasSubstr("early/changed-2.0.dist-info comes first"));
}

TEST_F(PythonDistributionsTest, entry_points_behind_a_path_that_is_not_followed_are_a_problem) {
  install("source/developed.egg-info", "developed", "d:D");
  install("more/linked-1.0.dist-info", "linked", "l:L");
  install("more/known-1.0.dist-info", "known", "k:K");
  install("site/known-1.0.dist-info", "known", "k:K");
  directory_.write("empty/plain-1.0.dist-info/METADATA", "");
  directory_.write("site/developed.egg-link", (folder("source").native() + "\n../\n"));
  directory_.write("site/paths.pth",
                   "# nothing\nimport os; os.getcwd()\n\n../more\n../empty\n../nowhere\n../site\n");
  const auto found = find_python_distributions(std::vector{folder("site")});
  EXPECT_THAT(found.provisioners, ElementsAre(provisioner("known", "known 1.0")));
  ASSERT_EQ(found.problems.size(), 2);
  EXPECT_THAT(found.problems[0].subject, HasSubstr("site/developed.egg-link"));
  EXPECT_THAT(found.problems[0].message,
              AllOf(HasSubstr(folder("source").native()), HasSubstr("entry points are not read")));
  EXPECT_THAT(found.problems[1].subject, HasSubstr("site/paths.pth"));
  EXPECT_EQ(found.problems[1].source, "linked 1.0");
  EXPECT_THAT(
      find_python_distributions(std::vector{folder("site"), folder("source"), folder("more")}).problems,
      IsEmpty());
}

TEST_F(PythonDistributionsTest, what_cannot_be_read_is_a_problem_and_stops_nothing) {
  install("site/good-1.0.dist-info", "good", "g:G");
  directory_.write("site/bad-1.0.dist-info/entry_points.txt", "[jupyter_client.kernel_provisioners]\nbad\n");
  directory_.write("site/huge-1.0.dist-info/entry_points.txt", std::string((1 << 20) + 1, '#'));
  std::filesystem::create_directories(directory_.path() / "site/odd-1.0.dist-info/entry_points.txt");
  std::filesystem::create_directories(directory_.path() / "site/pipe-1.0.dist-info");
  ASSERT_EQ(::mkfifo((directory_.path() / "site/pipe-1.0.dist-info/entry_points.txt").c_str(), 0600), 0);
  const auto found = find_python_distributions(std::vector{directory_.path() / "nowhere", folder("site")});
  EXPECT_THAT(found.provisioners, ElementsAre(provisioner("good", "good 1.0")));
  ASSERT_EQ(found.problems.size(), 5);
  EXPECT_THAT(found.problems[0].message, HasSubstr("nowhere"));
  EXPECT_EQ(found.problems[1].source, "bad 1.0");
  EXPECT_THAT(found.problems[1].message, StartsWith("line 2"));
  EXPECT_THAT(found.problems[2].message, HasSubstr("larger than"));
}

TEST_F(PythonDistributionsTest, packages_are_compared_by_their_normalized_names) {
  EXPECT_EQ(normalized_package_name("Spark__.Kernels"), "spark-kernels");
}

TEST_F(PythonDistributionsTest, the_folders_of_an_environment_are_those_of_its_python) {
  folder("env/lib/python3.9/site-packages");
  folder("env/lib/python3.11/site-packages");
  folder("env/lib/python3/dist-packages");
  folder("env/local/lib/python3.11/dist-packages");
  folder("env/lib/python2.7/site-packages");
  folder("user/lib/python3.11/site-packages");
  const auto env = directory_.path() / "env";
  const auto user = directory_.path() / "user";
  EXPECT_THAT(default_python_path(std::vector{env}, user),
              ElementsAre(user / "lib/python3.11/site-packages", env / "local/lib/python3.11/dist-packages",
                          env / "lib/python3.11/site-packages", env / "lib/python3.9/site-packages",
                          env / "lib/python3/dist-packages"))
      << "nothing tells which Python it is, so all are read, the latest first";

  const auto python = directory_.write("real/bin/python3.9", "");
  std::filesystem::create_directories(env / "bin");
  std::filesystem::create_symlink(python, env / "bin/python3");
  EXPECT_THAT(default_python_path(std::vector{env}, user),
              ElementsAre(env / "lib/python3.9/site-packages", env / "lib/python3/dist-packages"));
}

}  // namespace
}  // namespace nextgen_kernels
