#include "kernelspecs/python_probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../support/temporary_directory.h"

namespace nextgen_kernels {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

constexpr auto patience = 60s;

class PythonProbe : public testing::Test {
 protected:
  Result<std::string> run(std::string_view shell_script, std::chrono::milliseconds timeout = patience) {
    return run_python(directory_.write_program("python", shell_script), "the script", timeout);
  }
  TemporaryDirectory directory_;
};

TEST_F(PythonProbe, returns_what_was_printed) {
  EXPECT_EQ(run("#!/bin/sh\necho \"$1|$2|$(pwd)\"; echo noise >&2; cat\n").value(), "-c|the script|/\n");
}

TEST_F(PythonProbe, tells_status_and_last_complaint) {
  const auto result = run("#!/bin/sh\necho first >&2; echo 'No module named ipykernel' >&2; exit 3\n");
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message, HasSubstr("exited with status 3: No module named ipykernel"));
}

TEST_F(PythonProbe, tells_the_signal) {
  EXPECT_THAT(run("#!/bin/sh\nkill -9 $$\n").error().message, HasSubstr("was killed by signal 9"));
}

TEST_F(PythonProbe, kills_one_that_does_not_end) {
  const auto result = run("#!/bin/sh\nsleep 600 & sleep 600\n", 50ms);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::timeout);
  EXPECT_THAT(result.error().message, HasSubstr("did not finish within 50 ms"));
}

TEST_F(PythonProbe, does_not_wait_for_children_that_keep_the_output_open) {
  EXPECT_EQ(run("#!/bin/sh\nsleep 600 &\necho done\n").value(), "done\n");
}

TEST_F(PythonProbe, bounds_what_it_keeps) {
  EXPECT_EQ(run("#!/bin/sh\nhead -c 3000000 /dev/zero\n").value().size(), 1024U * 1024U);
}

TEST_F(PythonProbe, says_when_the_program_cannot_run) {
  const auto missing = run_python(directory_.path() / "missing", "", patience);
  EXPECT_THAT(missing.error().message, HasSubstr("No such file or directory"));
  EXPECT_THAT(run_python(directory_.write("data", "x"), "", patience).error().message,
              HasSubstr("Permission denied"));
}

}  // namespace
}  // namespace nextgen_kernels
