#include "server/execute_body.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nextgen_kernels {
namespace {

using testing::HasSubstr;

std::string refusal_of(const std::string& text) {
  const auto body = parse_execute_body(text);
  return body ? "it was taken" : body.error().message;
}

TEST(ExecuteBody, has_its_fields) {
  const auto body = parse_execute_body(
      R"({"code": "a\nb", "silent": true, "user_expressions": {"x": "1", "y": "2"}, "timeout": 1.5,
          "on_disconnect": "cancel", "cell_id": null, "allow_stdin": false})");
  ASSERT_TRUE(body) << body.error().message;
  EXPECT_EQ(body->request.code, "a\nb");
  EXPECT_TRUE(body->request.silent);
  EXPECT_TRUE(body->request.stop_on_error);
  EXPECT_EQ(body->request.user_expressions, (nlohmann::json{{"x", "1"}, {"y", "2"}}));
  EXPECT_EQ(body->request.timeout, std::chrono::milliseconds(1500));
  EXPECT_EQ(body->on_disconnect, OnDisconnect::cancel);
}

TEST(ExecuteBody, what_is_wrong_is_named) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "Missing field in JSON data: code"},
      {"null", "Missing field in JSON data: code"},
      {"{", "Invalid JSON in body of request"},
      {R"({"code": "1"} x)", "Invalid JSON in body of request"},
      {"\"\xff\"", "Invalid JSON in body of request"},
      {R"({"code": 1e999})", "Invalid JSON in body of request"},
      {"[{\"code\": \"1\"}]", "must be an object, not array"},
      {R"("code")", "must be an object, not string"},
      {R"({"code": ["1"]})", "Field 'code' must be a string, not array"},
      {R"({"code": {"code": "1"}})", "Field 'code' must be a string, not object"},
      {R"({"code": "1", "silent": [[{}], 1]})", "Field 'silent' must be true or false, not array"},
      {R"({"code": "1", "user_expressions": ["x"]})",
       "Field 'user_expressions' must be an object, not array"},
      {R"({"code": "1", "user_expressions": {"x": {"y": "2"}}})", "an expression is object"},
      {R"({"code": "1", "user_expressions": {"x": [1, {"y": 2}]}})", "an expression is array"},
      {R"({"code": "1", "cod": {"a": [{"b": 1}]}})", "There is no field 'cod'. Did you mean 'code'?"},
  };
  for (const auto& [text, problem] : cases) EXPECT_THAT(refusal_of(text), HasSubstr(problem)) << text;
}

TEST(ExecuteBody, what_is_nested_deep_is_dropped_and_the_rest_is_right) {
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  EXPECT_THAT(refusal_of(R"({"silent": )" + deep + R"(, "code": "1"})"), HasSubstr("'silent' must be true"));
  const auto body = parse_execute_body(R"({"timeout": null, "user_expressions": {}, "code": "1"})");
  ASSERT_TRUE(body);
  EXPECT_EQ(body->request.code, "1");
}

TEST(ExecuteBody, has_a_bounded_number_of_fields) {
  std::string expressions;
  for (int i = 0; i < 1000; ++i) expressions += fmt::format(R"("x{}": "1",)", i);
  const auto text = R"({"code": "1", "user_expressions": {)" + expressions + R"("y": "1"}})";
  EXPECT_THAT(refusal_of(text), HasSubstr("more than 1000 fields"));
}

}  // namespace
}  // namespace nextgen_kernels
