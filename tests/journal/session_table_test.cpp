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

TEST(SessionTable, replies_of_a_session_are_those_of_the_listener_that_asked_under_it_first) {
  SessionTable sessions;
  const auto of_ada = sessions.audience_of("s ada");
  const auto of_zed = sessions.audience_of("s zed");
  EXPECT_FALSE(sessions.note_asker("s", sessions.audience_of("s aaa read-only")));
  EXPECT_TRUE(sessions.note_asker("s", of_zed));
  EXPECT_FALSE(sessions.note_asker("s", of_ada));
  EXPECT_FALSE(sessions.note_asker("s", of_zed));
  EXPECT_EQ(sessions.find_asker("s")->audience, of_zed);
  EXPECT_TRUE(sessions.note_asker("another", of_ada));
  EXPECT_EQ(sessions.find_asker("another")->audience, of_ada);
  EXPECT_THAT(sessions.askers_among({"s ada", "unknown"}), ElementsAre(testing::Pair("another", "s ada")));
}

TEST(SessionTable, of_those_who_only_opened_a_session_the_first_that_may_ask_gets_its_replies) {
  SessionTable sessions;
  sessions.audience_of("s-2");
  sessions.audience_of("s\x01");
  sessions.audience_of("s aaa read-only");
  EXPECT_EQ(sessions.find_asker("s"), nullptr);
  const auto of_zed = sessions.audience_of("s zed");
  sessions.audience_of("s ada");
  sessions.audience_of("s");
  EXPECT_EQ(sessions.find_asker("s")->audience, of_zed);
  EXPECT_EQ(sessions.find_asker(""), nullptr);
}

TEST(SessionTable, one_listener_cannot_make_another_s_session_forgotten) {
  SessionTable sessions;
  const auto of_ada = sessions.audience_of("s ada");
  const auto of_zed = sessions.audience_of("t zed");
  sessions.note_asker("s", of_ada);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(sessions.note_asker("t" + std::to_string(i), of_zed));
  EXPECT_FALSE(sessions.note_asker("s", of_zed));
  EXPECT_EQ(sessions.find_asker("s")->audience, of_ada);
  EXPECT_EQ(sessions.find_asker("t0"), nullptr);
  EXPECT_EQ(sessions.find_asker("t99")->audience, of_zed);
}

TEST(ListenerName, has_a_session_a_user_and_rights) {
  EXPECT_EQ(ListenerName::parse("s").session, "s");
  EXPECT_EQ(ListenerName::parse("s").username, "");
  EXPECT_EQ(ListenerName::parse("s ada").username, "ada");
  EXPECT_FALSE(ListenerName::parse("s read-only").read_only);
  EXPECT_EQ(ListenerName::parse("s ada read-only").session, "s");
  EXPECT_TRUE(ListenerName::parse("s ada read-only").read_only);
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
