#include "config/trait.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "config/trait_json.h"

namespace nextgen_kernels {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

TraitDefinition definition(TraitType type) {
  TraitDefinition result{.class_name = "Class", .name = "trait", .type = type, .help = ""};
  if (type == TraitType::choice) result.choices = {"tcp", "ipc"};
  if (type == TraitType::integer) result.default_value = std::int64_t{8888};
  if (type == TraitType::number) result.default_value = 1.5;
  if (type == TraitType::boolean) result.default_value = true;
  return result;
}

TraitValue text_value(TraitType type, std::string_view text) {
  return parse_trait_text(definition(type), text, "--it").value_or(TraitValue{});
}

TraitValue json_value(TraitType type, const json& value) {
  return parse_trait_json(definition(type), value, "it").value_or(TraitValue{});
}

std::string text_error(const TraitDefinition& trait, std::string_view text) {
  const auto value = parse_trait_text(trait, text, "--it");
  return value ? "" : value.error().message;
}

std::string json_error(const TraitDefinition& trait, const json& value) {
  const auto parsed = parse_trait_json(trait, value, "it");
  return parsed ? "" : parsed.error().message;
}

TEST(Trait, booleans_are_read_as_python_and_json_write_them) {
  for (const auto* yes : {"true", "True", "1", "yes", "on"})
    EXPECT_EQ(text_value(TraitType::boolean, yes), TraitValue(true));
  for (const auto* no : {"false", "False", "0", "no", "off"})
    EXPECT_EQ(text_value(TraitType::boolean, no), TraitValue(false));
  EXPECT_EQ(text_error(definition(TraitType::boolean), "maybe"),
            "--it: expected true or false, such as true, not \"maybe\"");
  EXPECT_EQ(json_error(definition(TraitType::boolean), 1), "it: expected true or false, such as true, not 1");
}

TEST(Trait, a_list_of_objects_is_given_one_by_one_or_whole) {
  const TraitValue two(ObjectList{{R"({"a":1})", R"({"b":["x"]})"}});
  EXPECT_EQ(json_value(TraitType::object_list, json::parse(R"([{"a": 1}, {"b": ["x"]}])")), two);
  EXPECT_EQ(text_value(TraitType::object_list, R"([{"a": 1}, {"b": ["x"]}])"), two);
  EXPECT_EQ(text_value(TraitType::object_list, R"({"a": 1})"), TraitValue(ObjectList{{R"({"a":1})"}}));
  EXPECT_EQ(to_json(two).dump(), R"([{"a":1},{"b":["x"]}])");
  EXPECT_EQ(json_error(definition(TraitType::object_list), json::parse(R"([1])")),
            R"(it: expected a list of objects, such as [{"NAME": "VALUE"}], not [1])");
  for (const auto* bad : {"", "x", "1", R"({"a": )", R"({} {})"})
    EXPECT_NE(text_error(definition(TraitType::object_list), bad), "") << bad;
}

TEST(Trait, integers_are_whole_and_in_range) {
  auto port = definition(TraitType::integer);
  port.minimum = 0;
  port.maximum = 65535;
  EXPECT_EQ(parse_trait_text(port, "0", "").value(), TraitValue(std::int64_t{0}));
  for (const auto* bad : {"", " 1", "1x", "1.0", "0x10", "-1", "65536", "99999999999999999999"})
    EXPECT_THAT(text_error(port, bad), HasSubstr("expected an integer from 0 to 65535, such as 8888, not"))
        << bad;
  EXPECT_THAT(json_error(port, 70000), HasSubstr("not 70000"));
  EXPECT_THAT(json_error(port, "8888"), HasSubstr("not \"8888\"")) << "a text is not a number";
  EXPECT_THAT(json_error(port, 1.5), HasSubstr("not 1.5"));
  EXPECT_THAT(json_error(definition(TraitType::integer), std::uint64_t{1} << 63U),
              HasSubstr("expected an integer"));
  EXPECT_EQ(json_value(TraitType::integer, -5), TraitValue(std::int64_t{-5}));
}

TEST(Trait, numbers_may_be_whole_and_must_be_finite) {
  EXPECT_EQ(text_value(TraitType::number, "0.25"), TraitValue(0.25));
  EXPECT_EQ(text_value(TraitType::number, "3"), TraitValue(3.0));
  EXPECT_EQ(json_value(TraitType::number, 3), TraitValue(3.0));
  EXPECT_THAT(text_error(definition(TraitType::number), "inf"), HasSubstr("expected a number, such as 1.5"));
  EXPECT_THAT(text_error(definition(TraitType::number), "nan"), HasSubstr("expected a number"));
}

TEST(Trait, texts_are_taken_as_they_are) {
  EXPECT_EQ(text_value(TraitType::text, ""), TraitValue(std::string()));
  EXPECT_EQ(text_value(TraitType::text, " [a=b] "), TraitValue(std::string(" [a=b] ")));
  EXPECT_EQ(json_error(definition(TraitType::text), json::array({1})),
            R"(it: expected a text, such as "TEXT", not [1])");
}

TEST(Trait, lists_take_one_element_or_a_json_array) {
  EXPECT_EQ(text_value(TraitType::text_list, "a,b"), TraitValue(TextList{"a,b"}));
  EXPECT_EQ(text_value(TraitType::text_list, R"(["a", "b"])"), TraitValue(TextList({"a", "b"})));
  EXPECT_EQ(text_value(TraitType::text_list, ""), TraitValue(TextList{}));
  EXPECT_EQ(text_error(definition(TraitType::text_list), "['a']"),
            R"(--it: ['a'] is not valid JSON; write it like ["TEXT", "TEXT"])");
  EXPECT_THAT(text_error(definition(TraitType::text_list), "[1]"), HasSubstr("expected a list of texts"));
  EXPECT_EQ(json_error(definition(TraitType::text_list), "a"),
            R"(it: expected a list of texts, such as ["TEXT", "TEXT"], not "a")");
}

TEST(Trait, dictionaries_take_one_entry_or_a_json_object) {
  EXPECT_EQ(text_value(TraitType::dictionary, "a=b=c"), TraitValue(Dictionary{{"a", "b=c"}}));
  EXPECT_EQ(text_value(TraitType::dictionary, R"({"a": "b"})"), TraitValue(Dictionary{{"a", "b"}}));
  EXPECT_EQ(
      text_error(definition(TraitType::dictionary), "a"),
      "--it: expected a dictionary of texts, whole numbers, true or false, such as NAME=VALUE, not \"a\"");
  EXPECT_THAT(text_error(definition(TraitType::dictionary), "=b"), HasSubstr("expected a dictionary"));
  EXPECT_THAT(text_error(definition(TraitType::dictionary), R"({"a": 1.5})"),
              HasSubstr(R"(such as {"NAME": "VALUE"}, not {"a":1.5})"));
  EXPECT_EQ(text_value(TraitType::dictionary, R"({"a": 1, "b": -2})"),
            TraitValue(Dictionary{{"a", "1"}, {"b", "-2"}}));
}

TEST(Trait, log_levels_are_names_or_the_numbers_of_python) {
  EXPECT_EQ(text_value(TraitType::log_level, "debug"), TraitValue(std::string("DEBUG")));
  EXPECT_EQ(text_value(TraitType::log_level, "30"), TraitValue(std::string("WARNING")));
  EXPECT_EQ(json_value(TraitType::log_level, 10), TraitValue(std::string("DEBUG")));
  EXPECT_EQ(json_value(TraitType::log_level, "ERROR"), TraitValue(std::string("ERROR")));
  EXPECT_EQ(
      text_error(definition(TraitType::log_level), "loud"),
      "--it: expected a log level (DEBUG, INFO, WARNING, ERROR, CRITICAL or its number), such as DEBUG, not "
      "\"loud\"");
  EXPECT_THAT(json_error(definition(TraitType::log_level), 11), HasSubstr("not 11"));
}

TEST(Trait, choices_are_listed_when_none_of_them_is_given) {
  EXPECT_EQ(text_value(TraitType::choice, "ipc"), TraitValue(std::string("ipc")));
  EXPECT_EQ(text_error(definition(TraitType::choice), "udp"),
            "--it: expected one of tcp, ipc, such as tcp, not \"udp\"");
}

TEST(Trait, a_wrong_value_is_shortened_and_a_secret_one_is_not_repeated) {
  EXPECT_THAT(text_error(definition(TraitType::boolean), std::string(1000, 'x')), HasSubstr("xxx..."));
  auto secret = definition(TraitType::text);
  secret.secret = true;
  EXPECT_THAT(json_error(secret, json::array({"hunter2"})), Not(HasSubstr("hunter2")));
  EXPECT_EQ(display_value(secret, std::string("hunter2")), "(hidden)");
  EXPECT_EQ(display_value(secret, std::string()), "\"\"") << "that there is none is no secret";
  EXPECT_EQ(display_value(secret, {}), "(none)");
}

TEST(Trait, texts_that_are_not_utf8_do_not_break_messages) {
  EXPECT_THAT(text_error(definition(TraitType::boolean), "\xff"), HasSubstr("expected true or false"));
  EXPECT_EQ(display_value(definition(TraitType::text), std::string("\xff")), "\"\xEF\xBF\xBD\"");
}

}  // namespace
}  // namespace nextgen_kernels
