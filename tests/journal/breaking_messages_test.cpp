#include "journal/breaking_messages.h"

#include <gtest/gtest.h>

namespace nextgen_kernels {
namespace {

constexpr std::size_t mebibyte = std::size_t{1024} * 1024;

/// A connection that sends frames with numbers from 1 on and breaks.
BreakingMessages after_break(BreakingMessages messages, std::initializer_list<std::size_t> sizes,
                             FrameNumber acknowledged = 1) {
  FrameNumber frame = 1;
  for (const auto size : sizes) {
    messages.note_sent(frame, 100 + frame, size);
    ++frame;
  }
  messages.note_break(acknowledged);
  return messages.successor();
}

TEST(BreakingMessages, two_breaks_at_the_same_message_make_it_known) {
  const auto once = after_break({}, {500, 11 * mebibyte, 100});
  EXPECT_FALSE(once.contains(102));
  const auto twice = after_break(once, {500, 11 * mebibyte, 100});
  EXPECT_TRUE(twice.contains(102));
  EXPECT_FALSE(twice.contains(101) || twice.contains(103));
}

TEST(BreakingMessages, the_largest_one_is_the_suspect) {
  auto messages = after_break({}, {2 * mebibyte, 5 * mebibyte, 3 * mebibyte, 5 * mebibyte});
  messages = after_break(messages, {2 * mebibyte, 5 * mebibyte, 3 * mebibyte, 5 * mebibyte});
  EXPECT_TRUE(messages.contains(102));
  EXPECT_FALSE(messages.contains(104));
}

TEST(BreakingMessages, what_the_client_has_is_not_suspected) {
  auto messages = after_break({}, {5 * mebibyte, 2 * mebibyte}, 2);
  messages = after_break(messages, {5 * mebibyte, 2 * mebibyte}, 2);
  EXPECT_FALSE(messages.contains(101));
  EXPECT_TRUE(messages.contains(102));
}

TEST(BreakingMessages, breaks_at_different_or_small_messages_make_nothing_known) {
  auto messages = after_break({}, {2 * mebibyte});
  messages = after_break(messages, {500, 2 * mebibyte});
  messages = after_break(messages, {mebibyte, 500});
  messages = after_break(messages, {2 * mebibyte});
  EXPECT_FALSE(messages.contains(101) || messages.contains(102));
}

TEST(BreakingMessages, what_was_sent_on_a_connection_that_did_not_break_is_forgotten) {
  BreakingMessages messages;
  messages.note_sent(1, 101, 2 * mebibyte);
  for (int i = 0; i < 3; ++i) messages = after_break(messages.successor(), {});
  EXPECT_FALSE(messages.contains(101));
}

TEST(BreakingMessages, only_the_last_ones_are_known) {
  BreakingMessages messages;
  for (MessageNumber number = 1; number <= BreakingMessages::most_known + 1; ++number) {
    for (int i = 0; i < BreakingMessages::most_breaks; ++i) {
      messages.note_sent(1, number, 2 * mebibyte);
      messages.note_break(1);
    }
  }
  EXPECT_FALSE(messages.contains(1));
  EXPECT_TRUE(messages.contains(2) && messages.contains(BreakingMessages::most_known + 1));
}

TEST(BreakingSessions, are_remembered_up_to_a_bound) {
  BreakingSessions sessions;
  const auto broken = after_break(after_break({}, {2 * mebibyte}), {2 * mebibyte});
  sessions.note("journal", "a", broken);
  sessions.note("journal", "b", {});
  EXPECT_TRUE(sessions.of("journal", "a").contains(101));
  EXPECT_FALSE(sessions.of("journal", "b").contains(101));
  EXPECT_FALSE(sessions.of("another", "a").contains(101));
  for (std::size_t i = 1; i < BreakingSessions::most_sessions; ++i)
    sessions.note("journal", std::to_string(i), broken);
  EXPECT_TRUE(sessions.of("journal", "a").contains(101));
  sessions.note("journal", "last", broken);
  EXPECT_FALSE(sessions.of("journal", "a").contains(101));
  EXPECT_TRUE(sessions.of("journal", "last").contains(101));
}

}  // namespace
}  // namespace nextgen_kernels
