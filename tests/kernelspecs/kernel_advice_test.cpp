#include "kernelspecs/kernel_advice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_python.h"

namespace nextgen_kernels {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

KernelSpecEntry usable(const std::string& name, const std::string& language) {
  auto spec =
      parse_kernel_spec(name, "/specs/" + name,
                        fmt::format(R"({{"argv": ["k"], "display_name": "K", "language": "{}"}})", language));
  return {.name = name,
          .resource_dir = "/specs/" + name,
          .status = KernelSpecStatus::usable,
          .spec = std::move(spec)};
}

KernelSpecEntry unusable(const std::string& name, KernelSpecStatus status, const std::string& reason) {
  return {.name = name,
          .resource_dir = "/specs/" + name,
          .status = status,
          .spec = make_error(ErrorCode::unavailable, "{}", reason)};
}

const auto absent_python = unusable("python3", KernelSpecStatus::absent, "ipykernel cannot be imported (x)");

TEST(KernelAdvice, is_not_needed_while_one_can_be_used) {
  EXPECT_FALSE(advise_without_kernels({absent_python, usable("ir", "R")}, {}));
}

TEST(KernelAdvice, says_why_there_is_none_and_what_to_type) {
  const TemporaryDirectory directory;
  const auto prefix = add_python_without_ipykernel(directory, "env");
  directory.write("env/pyvenv.cfg", "");
  directory.write("env/lib/python3.11/site-packages/pip/__init__.py", "");
  KernelSpecManagerOptions options;
  options.data_path = {directory.path() / "data"};
  options.python_prefixes = {prefix};
  KernelSpecManager specs(std::move(options));
  const auto advice = advise_without_kernels(specs);
  ASSERT_TRUE(advice);
  const auto command = (prefix / "bin/python3").native() + " -m pip install ipykernel";
  EXPECT_THAT(advice->to_line(),
              AllOf(HasSubstr("No kernel spec was found"), HasSubstr("No module named 'ipykernel'"),
                    HasSubstr("To install a kernel, run: " + command)));
  EXPECT_THAT(advice->to_text(), HasSubstr("To install a kernel, run:\n    " + command + "\n"));
}

TEST(KernelAdvice, says_that_python_is_missing) {
  KernelSpecManager specs{KernelSpecManagerOptions()};
  EXPECT_THAT(advise_without_kernels(specs)->to_line(),
              AllOf(HasSubstr("there is no python3 on PATH"), HasSubstr("Install Python first")));
}

TEST(KernelAdvice, says_what_is_wrong_with_those_that_were_found) {
  const auto advice =
      advise_without_kernels({unusable("a", KernelSpecStatus::broken, "argv is missing"),
                              unusable("a", KernelSpecStatus::shadowed, "hidden"),
                              unusable("b", KernelSpecStatus::unavailable, "no such provisioner"),
                              unusable("c", KernelSpecStatus::broken, "x"),
                              unusable("d", KernelSpecStatus::broken, "y\x1b"), absent_python},
                             {"/usr"});
  EXPECT_THAT(advice->reason,
              AllOf(HasSubstr("a (argv is missing), b (no such provisioner), c (x), and 1 more"),
                    Not(HasSubstr("hidden")), HasSubstr("ipykernel cannot be imported")));
  EXPECT_THAT(advice->commands, Not(IsEmpty()));
}

TEST(KernelAdvice, installs_nothing_where_the_configuration_allows_nothing) {
  const auto advice = advise_without_kernels({unusable("a", KernelSpecStatus::not_allowed, "no")}, {"/usr"});
  EXPECT_THAT(advice->to_line(), HasSubstr("KernelSpecManager.allowed_kernelspecs"));
  EXPECT_THAT(advice->commands, IsEmpty());
}

TEST(DefaultKernel, is_the_configured_one_while_it_can_be_used) {
  EXPECT_EQ(choose_default_kernel({usable("python3", "python"), usable("ir", "R")}, "IR"), "ir");
}

TEST(DefaultKernel, is_one_that_exists_when_the_configured_one_does_not) {
  const auto broken = unusable("ir", KernelSpecStatus::broken, "x");
  EXPECT_EQ(choose_default_kernel({broken, usable("a", "R"), usable("python3", "python")}, "ir"), "python3");
  EXPECT_EQ(choose_default_kernel({absent_python, usable("a", "R"), usable("conda-x", "python")}, "python3"),
            "conda-x");
  EXPECT_EQ(choose_default_kernel({absent_python, usable("b", "julia"), usable("c", "R")}, "python3"), "b");
  EXPECT_EQ(choose_default_kernel({absent_python}, "python3"), "python3");
}

}  // namespace
}  // namespace nextgen_kernels
