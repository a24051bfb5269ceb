#include "kernelspecs/kernel_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "../support/temporary_directory.h"

namespace nextgen_kernels {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;
using testing::StartsWith;

Result<KernelSpec> parse(std::string_view text) {
  return parse_kernel_spec("test", "/specs/test", text);
}

std::string error_of(std::string_view text) {
  const auto spec = parse(text);
  return spec ? "no error" : spec.error().message;
}

TEST(KernelSpec, reads_every_field) {
  const auto spec = parse(R"({
    "argv": ["python3", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
    "env": {"A": "1"},
    "display_name": "Python 3",
    "language": "python",
    "interrupt_mode": "Message",
    "kernel_protocol_version": "5.5",
    "codemirror_mode": "tolerated",
    "metadata": {
      "debugger": true,
      "kernel_provisioner": {"provisioner_name": "slurm-provisioner", "config": {"partition": "gpu"}}
    }
  })");
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_EQ(spec->name, "test");
  EXPECT_EQ(spec->resource_dir, "/specs/test");
  EXPECT_THAT(spec->argv, ElementsAre("python3", "-m", "ipykernel_launcher", "-f", "{connection_file}"));
  EXPECT_THAT(spec->env, ElementsAre(Pair("A", "1")));
  EXPECT_EQ(spec->display_name, "Python 3");
  EXPECT_EQ(spec->language, "python");
  EXPECT_EQ(spec->interrupt_mode, InterruptMode::message) << "the case does not matter, as in Jupyter";
  EXPECT_EQ(spec->kernel_protocol_version, "5.5");
  EXPECT_EQ(spec->metadata["debugger"], true);
  EXPECT_EQ(spec->provisioner.name, "slurm-provisioner");
  EXPECT_EQ(spec->provisioner.config, nlohmann::json({{"partition", "gpu"}}));
}

TEST(KernelSpec, fills_in_what_may_be_left_out) {
  const auto spec = parse(R"({"argv": ["kernel"]})");
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_EQ(spec->display_name, "test");
  EXPECT_EQ(spec->language, "");
  EXPECT_EQ(spec->interrupt_mode, InterruptMode::signal);
  EXPECT_EQ(spec->metadata, nlohmann::ordered_json::object());
  EXPECT_EQ(spec->provisioner.name, "");
  EXPECT_EQ(spec->provisioner.config, nlohmann::json::object());
  EXPECT_THAT(spec->env, IsEmpty());
}

TEST(KernelSpec, needs_no_argv_when_it_names_its_provisioner) {
  for (const std::string argv : {"", R"("argv": [], )"}) {
    const auto spec = parse(
        "{" + argv + R"("metadata": {"kernel_provisioner": {"provisioner_name": "existing-provisioner"}}})");
    ASSERT_TRUE(spec) << spec.error().message;
    EXPECT_THAT(spec->argv, IsEmpty());
  }
}

TEST(KernelSpec, writes_the_object_that_jupyter_writes) {
  const auto spec = parse(R"({"argv": ["k", "{connection_file}"], "display_name": "K", "language": "k",
                             "metadata": {"z": 1, "a": 2}})");
  ASSERT_TRUE(spec);
  EXPECT_EQ(spec->to_json().dump(),
            R"({"argv":["k","{connection_file}"],"env":{},"display_name":"K","language":"k",)"
            R"("interrupt_mode":"signal","metadata":{"z":1,"a":2},"kernel_protocol_version":""})");
}

TEST(KernelSpec, names_file_line_and_column_of_broken_syntax) {
  EXPECT_THAT(error_of("{\n  \"argv\": [\"k\"],\n  }"),
              StartsWith("/specs/test/kernel.json:3:3: invalid JSON: "));
  EXPECT_THAT(error_of(""), StartsWith("/specs/test/kernel.json:1:1: invalid JSON: "));
  EXPECT_THAT(error_of("{\"argv\": [\"k\"]"), StartsWith("/specs/test/kernel.json:1:15: invalid JSON: "));
  EXPECT_THAT(error_of("{\"argv\": [\"\xff\"]}"), HasSubstr("kernel.json:1:12: invalid JSON: "));
  EXPECT_THAT(error_of("{\"argv\": [1e999]}"), HasSubstr("out of range"));
}

TEST(KernelSpec, keeps_what_it_read_out_of_syntax_errors) {
  EXPECT_THAT(error_of(R"({"env": {"TOKEN": "a'; expected b s3cret" "s3cret"}})"), Not(HasSubstr("s3cret")));
  EXPECT_THAT(error_of("{\"env\": {\"TOKEN\": \"a'; expected s3cret\n\"}}"),
              AllOf(HasSubstr("kernel.json:1:39: invalid JSON"), Not(HasSubstr("s3cret"))));
  EXPECT_THAT(error_of(R"({"env": {"TOKEN": ["s3cret"]}})"), Not(HasSubstr("s3cret")));
}

struct BadSpec {
  std::string_view text;
  std::string_view complaint;
};
class BadKernelSpec : public testing::TestWithParam<BadSpec> {};

TEST_P(BadKernelSpec, is_refused_with_the_file_and_the_reason) {
  const auto message = error_of(GetParam().text);
  EXPECT_THAT(message, StartsWith("/specs/test/kernel.json: "));
  EXPECT_THAT(message, HasSubstr(GetParam().complaint));
}

INSTANTIATE_TEST_SUITE_P(
    All, BadKernelSpec,
    testing::Values(
        BadSpec{"[]", "must be a JSON object, it is array"},
        BadSpec{"null", "must be a JSON object, it is null"}, BadSpec{"{}", "argv is missing"},
        BadSpec{R"({"argv": "k"})", "argv must be a list of strings, it is string"},
        BadSpec{R"({"argv": []})", "argv is empty"},
        BadSpec{R"({"argv": ["k", 1]})", "argv[1] must be a string, it is number"},
        BadSpec{R"({"argv": [""]})", "argv[0] is empty"},
        BadSpec{R"({"argv": ["k", "a\u0000b"]})", "argv[1] holds a NUL character"},
        BadSpec{R"({"argv": ["k"], "env": []})", "env must be an object, it is array"},
        BadSpec{R"({"argv": ["k"], "env": {"A": 1}})", "env.A must be a string, it is number"},
        BadSpec{R"({"argv": ["k"], "env": {"A=B": "1"}})", R"(env: "A=B" is not a name)"},
        BadSpec{R"({"argv": ["k"], "env": {"": "1"}})", R"(env: "" is not a name)"},
        BadSpec{R"({"argv": ["k"], "env": {"A": "\u0000"}})", "env.A holds a NUL character"},
        BadSpec{R"({"argv": ["k"], "display_name": null})", "display_name must be a string, it is null"},
        BadSpec{R"({"argv": ["k"], "language": 3})", "language must be a string, it is number"},
        BadSpec{R"({"argv": ["k"], "kernel_protocol_version": 5.5})",
                "kernel_protocol_version must be a string"},
        BadSpec{R"({"argv": ["k"], "interrupt_mode": "sms"})",
                R"(interrupt_mode must be "signal" or "message", it is "sms")"},
        BadSpec{R"({"argv": ["k"], "interrupt_mode": ""})", "interrupt_mode must be"},
        BadSpec{R"({"argv": ["k"], "interrupt_mode": true})",
                "interrupt_mode must be a string, it is boolean"},
        BadSpec{R"({"argv": ["k"], "metadata": null})", "metadata must be an object, it is null"},
        BadSpec{R"({"argv": ["k"], "metadata": {"kernel_provisioner": "p"}})",
                "metadata.kernel_provisioner must be an object, it is string"},
        BadSpec{R"({"argv": ["k"], "metadata": {"kernel_provisioner": {"provisioner_name": 1}}})",
                "metadata.kernel_provisioner.provisioner_name must be a string, it is number"},
        BadSpec{R"({"argv": ["k"], "metadata": {"kernel_provisioner": {"provisioner_name": ""}}})",
                "metadata.kernel_provisioner.provisioner_name is empty"},
        BadSpec{R"({"argv": ["k"], "metadata": {"kernel_provisioner": {"config": []}}})",
                "metadata.kernel_provisioner.config must be an object, it is array"}));

TEST(KernelSpec, refuses_nesting_that_could_exhaust_the_stack) {
  const std::string open(400'000, '[');
  const std::string close(400'000, ']');
  EXPECT_THAT(error_of(R"({"argv": ["k"], "metadata": {"x": )" + open + close + "}}"),
              HasSubstr("nested more than"));
  EXPECT_EQ(error_of(R"({"argv": ["k"], "metadata": {"x": [[[[[[[[[[]]]]]]]]]]}})"), "no error");
}

TEST(LoadKernelSpec, reads_the_file_and_finds_resources) {
  const TemporaryDirectory directory;
  directory.write("kernel.json", R"({"argv": ["k"]})");
  directory.write("logo-svg.svg", "<svg/>");
  const auto spec = load_kernel_spec("test", directory.path());
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_EQ(spec->resource_dir, directory.path());
  EXPECT_THAT(spec->resources, ElementsAre(Pair("logo-svg", "logo-svg.svg")));
}

TEST(LoadKernelSpec, says_why_a_file_cannot_be_read) {
  const TemporaryDirectory directory;
  EXPECT_THAT(load_kernel_spec("test", directory.path()).error().message,
              HasSubstr("No such file or directory"));
  ASSERT_EQ(::mkfifo((directory.path() / "kernel.json").c_str(), 0600), 0);
  EXPECT_THAT(load_kernel_spec("test", directory.path()).error().message, HasSubstr("is not a regular file"));
}

TEST(LoadKernelSpec, refuses_a_file_that_cannot_be_a_kernel_spec) {
  const TemporaryDirectory directory;
  directory.write("kernel.json", std::string(1024 * 1024 + 1, ' '));
  EXPECT_THAT(load_kernel_spec("test", directory.path()).error().message, HasSubstr("is larger than"));
}

}  // namespace
}  // namespace nextgen_kernels
