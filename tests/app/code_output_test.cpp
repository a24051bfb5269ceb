#include "app/code_output.h"

#include <array>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace nextgen_kernels {
namespace {

void print(const std::string& type, const std::string& content) {
  const auto header = fmt::format(R"({{"msg_id":"1","msg_type":"{}"}})", type);
  const std::array<std::string_view, 4> parts = {header, "{}", "{}", content};
  CodeOutput().print(**Message::make(Channel::iopub, parts, {}));
}

TEST(CodeOutput, streams_go_where_they_belong_and_results_are_lines) {
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  print("stream", R"({"name":"stdout","text":"out"})");
  print("stream", R"({"name":"stderr","text":"err"})");
  print("execute_result",
        R"({"data":{"text/plain":"42","text/html":"<b>42</b>"},"metadata":{},"execution_count":1})");
  print("display_data", R"({"data":{"image/png":"…"},"metadata":{}})");
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "out42\n");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "err");
}

TEST(CodeOutput, an_error_shows_its_traceback_without_colours_where_there_are_none) {
  testing::internal::CaptureStderr();
  print("error", R"({"ename":"E","evalue":"v","traceback":["\u001b[31mred\u001b[0m","plain"]})");
  print("error", R"({"ename":"E","evalue":"v","traceback":[]})");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "red\nplain\nE: v\n");
}

TEST(CodeOutput, content_of_the_wrong_form_prints_nothing) {
  testing::internal::CaptureStdout();
  print("stream", "[1]");
  print("stream", R"({"name":1,"text":2})");
  print("stream", "not json");
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
}

}  // namespace
}  // namespace nextgen_kernels
