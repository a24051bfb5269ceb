#include <cstdint>
#include <limits>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nextgen_kernels/json.h>

namespace nextgen_kernels::plugin {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string failure_of(std::string_view text) {
  try {
    return "no failure, but " + Json::parse(text).dump();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
    return error.what();
  }
}

TEST(SdkJson, values_survive_a_round_trip) {
  for (const std::string text : {"null", "true", "false", "0", "-7", "9223372036854775807", "1.5", "1500.0",
                                 "-2e-07", R"("a\"b\\c")", "[]", "{}", R"([1,[2,{"a":null}],"x"])",
                                 R"({"a":{"b":[1,2]},"z":""})", "\"\xc3\xa4\xf0\x9f\x98\x80\""}) {
    EXPECT_EQ(Json::parse(text).dump(), text);
  }
}

TEST(SdkJson, white_space_and_escapes_are_read) {
  EXPECT_EQ(Json::parse(" \t\r\n{ \"a\" : [ 1 , 2 ] } ").dump(), R"({"a":[1,2]})");
  EXPECT_EQ(Json::parse(R"("\/\b\f\n\r\t\u0041\u00e4\u20ac\ud83d\ude00")").as_string(),
            "/\b\f\n\r\tA\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
  EXPECT_EQ(Json::parse(R"("\ud83d")").as_string(), "\xef\xbf\xbd") << "half of a pair";
  EXPECT_EQ(Json::parse(R"("\ud83dA\u0042")").as_string(),
            "\xef\xbf\xbd"
            "AB");
  EXPECT_EQ(Json::parse(R"("\ud83d\u0042")").as_string(),
            "\xef\xbf\xbd"
            "B");
  EXPECT_EQ(Json(std::string("\x01\n", 2)).dump(), R"("\u0001\u000a")");
}

TEST(SdkJson, numbers_beyond_64_bits_are_floating_point) {
  EXPECT_DOUBLE_EQ(Json::parse("9223372036854775808").as_number(), 9223372036854775808.0);
  EXPECT_TRUE(Json::parse("1").is_integer());
  EXPECT_FALSE(Json::parse("1.0").is_integer());
  EXPECT_DOUBLE_EQ(Json::parse("3").as_number(), 3.0);
  EXPECT_EQ(Json(std::numeric_limits<double>::infinity()).dump(), "null");
  EXPECT_EQ(Json(std::numeric_limits<std::int64_t>::min()).dump(), "-9223372036854775808");
}

TEST(SdkJson, a_broken_text_is_refused_with_the_place) {
  EXPECT_THAT(failure_of(""), HasSubstr("the text ends where a value is wanted (at byte 0)"));
  EXPECT_THAT(failure_of("[1,]"), HasSubstr("this is no value (at byte 3)"));
  EXPECT_THAT(failure_of("[1 2]"), HasSubstr("a comma or ] is wanted"));
  EXPECT_THAT(failure_of("{\"a\" 1}"), HasSubstr("a colon is wanted"));
  EXPECT_THAT(failure_of("{a: 1}"), HasSubstr("the name of a member is wanted"));
  EXPECT_THAT(failure_of("{} {}"), HasSubstr("goes on after the value"));
  EXPECT_THAT(failure_of("\"abc"), HasSubstr("a string does not end"));
  EXPECT_THAT(failure_of("\"a\nb\""), HasSubstr("a control character"));
  EXPECT_THAT(failure_of(R"("\x")"), HasSubstr("an escape is not known"));
  EXPECT_THAT(failure_of(R"("\u12g4")"), HasSubstr("four hexadecimal digits"));
  EXPECT_THAT(failure_of("01"), HasSubstr("goes on after the value"));
  EXPECT_THAT(failure_of("1."), HasSubstr("the text ends in a number"));
  EXPECT_THAT(failure_of("-"), HasSubstr("the text ends in a number"));
  EXPECT_THAT(failure_of("1e400"), HasSubstr("out of range"));
  EXPECT_THAT(failure_of("nul"), HasSubstr("this is no value"));
  EXPECT_THAT(failure_of(std::string(100'000, '[')), HasSubstr("nested too deeply"));
}

TEST(SdkJson, a_value_of_another_type_is_told_with_both) {
  const auto value = Json::object({{"port", "8888"}, {"key", "secret"}});
  try {
    static_cast<void>(value.at("port").as_integer());
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "A JSON value must be an integer, it is string");
  }
  try {
    static_cast<void>(value.at("ip"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "The member \"ip\" is missing; there are: key, port");
  }
}

TEST(SdkJson, objects_and_arrays_are_built_by_writing_to_them) {
  Json value;
  value["a"] = 1;
  value["b"]["c"].push_back("x");
  value["b"]["c"].push_back(nullptr);
  value["a"] = Json::array({1, 2.5, true});
  EXPECT_EQ(value.dump(), R"({"a":[1,2.5,true],"b":{"c":["x",null]}})");
  EXPECT_EQ(value, Json::parse(value.dump()));
  EXPECT_EQ(value.find("z"), nullptr);
}

}  // namespace
}  // namespace nextgen_kernels::plugin
