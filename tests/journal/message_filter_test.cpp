#include "journal/message_filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "messages.h"

namespace nextgen_kernels {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Pattern = MessageFilter::Pattern;

TEST(MessageFilter, patterns_name_a_type_a_channel_or_both) {
  EXPECT_THAT(MessageFilter::parse_patterns("stream, shell: ,iopub:status").value(),
              ElementsAre(Pattern{.message_type = "stream", .channel = std::nullopt},
                          Pattern{.message_type = "", .channel = Channel::shell},
                          Pattern{.message_type = "status", .channel = Channel::iopub}));
  EXPECT_THAT(MessageFilter::parse_patterns("").value(), IsEmpty());
}

TEST(MessageFilter, refuses_what_names_nothing) {
  for (const auto& [text, told] : {std::pair("stream,,status", "empty element"), std::pair("a,", "empty"),
                                   std::pair("shall:stream", "'shall'"), std::pair("hb:", "'hb'")}) {
    const auto patterns = MessageFilter::parse_patterns(text);
    ASSERT_FALSE(patterns) << text;
    EXPECT_EQ(patterns.error().code, ErrorCode::invalid_argument);
    EXPECT_THAT(patterns.error().message, HasSubstr(told));
  }
  EXPECT_FALSE(MessageFilter::parse_patterns(std::string(5000, 'a')));
}

TEST(MessageFilter, either_includes_or_excludes) {
  EXPECT_EQ(MessageFilter::parse(std::nullopt, std::nullopt).value(), std::nullopt);
  const auto both = MessageFilter::parse("", "");
  ASSERT_FALSE(both);
  EXPECT_THAT(both.error().message, HasSubstr("not both"));
}

TEST(MessageFilter, selects_by_type_and_by_channel) {
  const auto status = make_message({.channel = Channel::iopub, .type = "status"});
  const auto reply = make_message({.channel = Channel::shell, .type = "execute_reply"});
  const auto selected = [&](std::optional<std::string_view> include,
                            std::optional<std::string_view> exclude) {
    const auto filter = MessageFilter::parse(include, exclude).value().value();
    return std::pair(filter.selects(*status), filter.selects(*reply));
  };
  EXPECT_EQ(selected("status", {}), std::pair(true, false));
  EXPECT_EQ(selected("shell:", {}), std::pair(false, true));
  EXPECT_EQ(selected("shell:status", {}), std::pair(false, false));
  EXPECT_EQ(selected("", {}), std::pair(false, false));
  EXPECT_EQ(selected({}, "iopub:status"), std::pair(false, true));
  EXPECT_EQ(selected({}, ""), std::pair(true, true));
}

}  // namespace
}  // namespace nextgen_kernels
