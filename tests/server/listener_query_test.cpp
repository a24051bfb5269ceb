#include "server/listener_query.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nextgen_kernels {
namespace {

using testing::HasSubstr;

Result<ListenerQuery> parse(const std::string& query) {
  HttpRequest request;
  EXPECT_TRUE(parse_target("/api/kernels/1/channels?" + query, request));
  return ListenerQuery::parse(request);
}

TEST(ListenerQuery, nothing_asked_for_is_the_live_state) {
  const auto query = parse("").value();
  EXPECT_EQ(query.session_id, "");
  EXPECT_FALSE(query.resume_from);
  EXPECT_EQ(query.replay.kind, ReplayRequest::Kind::nothing);
  EXPECT_FALSE(query.filter);
}

TEST(ListenerQuery, a_resume_point_names_journal_connection_and_frame) {
  const auto point = parse("resume_from=0123abcd-17:9000000000").value().resume_from.value();
  EXPECT_EQ(point.journal_id, "0123abcd");
  EXPECT_EQ(point.stream, 17u);
  EXPECT_EQ(point.frame, 9'000'000'000u);
  EXPECT_EQ(stream_id("0123abcd", 17), "0123abcd-17");
}

TEST(ListenerQuery, refuses_malformed_resume_points) {
  for (const auto* text : {"", ":", "a", "a-1", "a:1", "-1:1", "a-:1", "a-1:", "a-1:x", "a-x:1", "a-1:1 ",
                           "a-1:-1", "a-1:99999999999999999999", "a-1:1:", "a-+1:1"}) {
    const auto point = parse_resume_point(text);
    ASSERT_FALSE(point) << text;
    EXPECT_EQ(point.error().code, ErrorCode::invalid_argument);
    EXPECT_THAT(point.error().message, HasSubstr("ID:N"));
  }
  EXPECT_FALSE(parse_resume_point(std::string(100, 'a') + "-1:1"));
}

TEST(ListenerQuery, the_past_is_asked_for_in_three_ways) {
  using enum ReplayRequest::Kind;
  EXPECT_EQ(parse("replay=running").value().replay.kind, running);
  EXPECT_EQ(parse("replay=all").value().replay.kind, all);
  EXPECT_EQ(parse("replay=since=12").value().replay.kind, since);
  EXPECT_EQ(parse("replay=since%3D12").value().replay.since, 12u);
  for (const auto* text :
       {"replay=", "replay=everything", "replay=since=", "replay=since=x", "replay=since=1x"})
    EXPECT_THAT(parse(text).error().message, HasSubstr("running, all, or since=N")) << text;
}

TEST(ListenerQuery, refuses_what_contradicts_itself) {
  EXPECT_THAT(parse("replay=all&resume_from=a-1:1").error().message, HasSubstr("give one of them"));
  EXPECT_THAT(parse("msg_types=a&exclude_msg_types=b").error().message, HasSubstr("not both"));
  EXPECT_THAT(parse("msg_types=shall:").error().message, HasSubstr("shall"));
  EXPECT_THAT(parse("session_id=%00").error().message, HasSubstr("session_id"));
}

TEST(ListenerQuery, an_empty_list_to_include_is_a_filter) {
  EXPECT_TRUE(parse("msg_types=").value().filter);
  EXPECT_TRUE(parse("exclude_msg_types=").value().filter);
}

}  // namespace
}  // namespace nextgen_kernels
