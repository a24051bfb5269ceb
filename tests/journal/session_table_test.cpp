#include "journal/session_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nextgen_kernels {
namespace {

using testing::ElementsAre;

TEST(SessionTable, an_audience_is_one_session_s) {
  SessionTable sessions;
  const auto alice = sessions.audience_of("alice");
  EXPECT_NE(alice, Audience::everybody);
  EXPECT_EQ(sessions.audience_of("alice"), alice);
  EXPECT_NE(sessions.audience_of("bob"), alice);
  EXPECT_EQ(sessions.find(alice)->id, "alice");
  EXPECT_EQ(sessions.find("alice")->audience, alice);
  EXPECT_EQ(sessions.find("carol"), nullptr);
  EXPECT_EQ(sessions.find(Audience::observer), nullptr);
}

TEST(SessionTable, finds_a_session_whoever_has_it) {
  SessionTable sessions;
  sessions.audience_of("s-2");
  sessions.audience_of("s\x01");
  EXPECT_EQ(sessions.find_any_of("s"), nullptr);
  const auto of_ada = sessions.audience_of("s ada");
  sessions.audience_of("s bob");
  EXPECT_EQ(sessions.find_any_of("s")->audience, of_ada);
  const auto of_nobody = sessions.audience_of("s");
  EXPECT_EQ(sessions.find_any_of("s")->audience, of_nobody);
}

TEST(SessionTable, forgets_who_was_not_here_for_longest_and_knows_that) {
  SessionTable sessions(2);
  const auto connected = sessions.audience_of("connected");
  sessions.connect("connected");
  const auto a = sessions.audience_of("a");
  sessions.audience_of("b");
  sessions.note_use(a);
  sessions.audience_of("c");
  EXPECT_EQ(sessions.find("b"), nullptr);
  EXPECT_NE(sessions.find("a"), nullptr);
  EXPECT_EQ(sessions.audience_of("connected"), connected);
  EXPECT_TRUE(sessions.is_forgotten("b"));
  EXPECT_FALSE(sessions.is_forgotten("a"));
  EXPECT_FALSE(sessions.is_forgotten("never here"));
  EXPECT_NE(sessions.audience_of("b"), a) << "numbers are used once";
  EXPECT_FALSE(sessions.is_forgotten("b")) << "it is here again";
}

TEST(SessionTable, its_memory_of_who_was_here_has_a_bound) {
  SessionTable sessions(1);
  for (int i = 0; i < 20; ++i) sessions.audience_of(std::to_string(i));
  EXPECT_FALSE(sessions.is_forgotten("0"));
  EXPECT_TRUE(sessions.is_forgotten("18"));
}

TEST(SessionTable, the_connected_are_the_most_important_then_those_used_last) {
  SessionTable sessions;
  for (const auto* id : {"old and connected", "a", "b", "c"}) sessions.audience_of(id);
  sessions.connect("old and connected");
  sessions.note_use(sessions.find("a")->audience);
  EXPECT_THAT(sessions.most_important(3), ElementsAre("old and connected", "a", "c"));
  sessions.disconnect("old and connected");
  EXPECT_THAT(sessions.most_important(2), ElementsAre("old and connected", "a")) << "it was here until now";
}

TEST(SessionTable, a_position_is_of_a_session_that_is_away) {
  SessionTable sessions;
  sessions.audience_of("a");
  sessions.note_position("a", {.frame = 3, .message = 4});
  sessions.note_position("unknown", {.frame = 3, .message = 4});
  EXPECT_EQ(sessions.find("a")->left_at->message, 4u);
  sessions.connect("a");
  EXPECT_FALSE(sessions.find("a")->left_at);
}

}  // namespace
}  // namespace nextgen_kernels
