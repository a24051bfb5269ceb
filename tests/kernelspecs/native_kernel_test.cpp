#include "kernelspecs/native_kernel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_python.h"

namespace nextgen_kernels {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using namespace std::chrono_literals;

constexpr auto patience = 60s;

std::uintmax_t runs(const fs::path& prefix) {
  return fs::file_size(prefix / "runs") / std::string_view("run\n").size();
}

TEST(NativeKernel, is_the_first_environment_with_ipykernel) {
  const TemporaryDirectory directory;
  const auto without = add_python_without_ipykernel(directory, "without");
  const auto with = add_python_with_ipykernel(directory, "with");
  NativeKernel native({directory.path() / "missing", without, with}, patience);
  const auto spec = native.find();
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_EQ(spec->name, "python3");
  EXPECT_EQ(spec->argv.front(), (with / "bin/python").string());
  EXPECT_EQ(spec->resource_dir, with / "resources");
  EXPECT_THAT(spec->resources, ElementsAre(Pair("logo-svg", "logo-svg.svg")));
}

TEST(NativeKernel, tells_why_each_environment_has_none) {
  const TemporaryDirectory directory;
  const auto without = add_python_without_ipykernel(directory, "without");
  NativeKernel native({directory.path() / "missing", without}, patience);
  const auto spec = native.find();
  ASSERT_FALSE(spec);
  EXPECT_EQ(spec.error().code, ErrorCode::not_found);
  EXPECT_THAT(spec.error().message,
              AllOf(HasSubstr("missing has no bin/python"), HasSubstr("No module named 'ipykernel'")));
  EXPECT_THAT(NativeKernel({}, patience).find().error().message, HasSubstr("there is no python3 on PATH"));
}

TEST(NativeKernel, asks_an_interpreter_once) {
  const TemporaryDirectory directory;
  const auto without = add_python_without_ipykernel(directory, "without");
  const auto with = add_python_with_ipykernel(directory, "with");
  NativeKernel native({without, with}, patience);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(native.find());
  EXPECT_EQ(runs(without), 1U);
  EXPECT_EQ(runs(with), 1U);
}

TEST(NativeKernel, asks_again_when_packages_were_installed) {
  const TemporaryDirectory directory;
  const auto prefix = add_python_without_ipykernel(directory, "env");
  fs::create_directories(prefix / "lib/python3.11/site-packages");
  NativeKernel native({prefix}, patience);
  EXPECT_FALSE(native.find());
  EXPECT_FALSE(native.find());
  EXPECT_EQ(runs(prefix), 1U);
  fs::create_directory(prefix / "lib/python3.11/site-packages/ipykernel");
  EXPECT_FALSE(native.find());
  EXPECT_EQ(runs(prefix), 2U);
  add_python_with_ipykernel(directory, "env");
  EXPECT_TRUE(native.find());
}

TEST(NativeKernel, refuses_an_answer_that_is_none) {
  const TemporaryDirectory directory;
  for (const auto* answer :
       {"", "hello", "[]", "{}", R"({"spec": {}, "resource_dir": 1})", R"({"spec": 1})"}) {
    directory.write_program("env/bin/python", fmt::format("#!/bin/sh\ncat <<'END'\n{}\nEND\n", answer));
    NativeKernel native({directory.path() / "env"}, patience);
    EXPECT_THAT(native.find().error().message, HasSubstr("did not describe its ipykernel")) << answer;
  }
  directory.write_program("env/bin/python", "#!/bin/sh\necho '{\"spec\": {}, \"resource_dir\": \"/r\"}'\n");
  EXPECT_THAT(NativeKernel({directory.path() / "env"}, patience).find().error().message,
              HasSubstr("argv is missing"));
}

}  // namespace
}  // namespace nextgen_kernels
