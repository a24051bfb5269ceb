#include "journal/journal.h"

#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "messages.h"

namespace nextgen_kernels {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr Audience alice{1};
constexpr Audience bob{2};

Message::Pointer numbered(int number) {
  return make_message({.content = std::to_string(number)});
}

std::vector<std::string> contents(const Cursor::Batch& batch) {
  std::vector<std::string> result;
  for (const auto& message : batch.messages) result.emplace_back(message->content());
  return result;
}

class CountingListener : public JournalListener {
 public:
  void on_journal_activity() override { ++calls; }
  int calls = 0;
};

class JournalTest : public testing::Test {
 protected:
  static std::size_t message_size() { return numbered(1)->memory_size(); }

  CountingListener listener_;
};

TEST_F(JournalTest, a_cursor_starts_behind_the_newest_message_and_reads_in_order) {
  Journal journal({});
  EXPECT_EQ(journal.append(numbered(1), Audience::everybody), 1u);
  Cursor cursor(journal, listener_, alice);
  EXPECT_EQ(cursor.position(), 2u);
  journal.append(numbered(2), Audience::everybody);
  journal.append(numbered(3), Audience::everybody);
  EXPECT_THAT(contents(cursor.read(10, 1000)), ElementsAre("2", "3"));
  EXPECT_TRUE(cursor.at_end());
}

TEST_F(JournalTest, an_observer_reads_what_is_meant_for_anybody) {
  Journal journal({});
  Cursor cursor(journal, listener_, Audience::observer);
  journal.append(numbered(1), alice);
  journal.append(numbered(2), bob);
  journal.append(numbered(3), Audience::everybody);
  EXPECT_THAT(contents(cursor.read(10, 10'000)), ElementsAre("1", "2", "3"));
}

TEST_F(JournalTest, a_cursor_skips_what_is_meant_for_others) {
  Journal journal({});
  Cursor cursor(journal, listener_, alice);
  journal.append(numbered(1), alice);
  journal.append(numbered(2), bob);
  journal.append(numbered(3), Audience::everybody);
  EXPECT_THAT(contents(cursor.read(10, 1000)), ElementsAre("1", "3"));
}

TEST_F(JournalTest, batches_are_bounded_by_count_and_by_bytes_but_never_empty) {
  Journal journal({});
  Cursor cursor(journal, listener_, alice);
  for (int i = 1; i <= 4; ++i) journal.append(numbered(i), Audience::everybody);
  EXPECT_THAT(contents(cursor.read(2, 100'000)), ElementsAre("1", "2"));
  EXPECT_THAT(contents(cursor.read(10, 1)), ElementsAre("3"));
  EXPECT_THAT(contents(cursor.read(10, 1)), ElementsAre("4"));
  EXPECT_THAT(contents(cursor.read(10, 1)), IsEmpty());
}

TEST_F(JournalTest, what_everybody_has_read_goes_when_it_passes_the_retained_bound) {
  Journal journal({.bytes = 100 * message_size(), .retained_bytes = 2 * message_size()});
  Cursor cursor(journal, listener_, alice);
  for (int i = 1; i <= 9; ++i) {
    journal.append(numbered(i), Audience::everybody);
    cursor.read(1, 1);
    journal.notify();
  }
  EXPECT_EQ(journal.first_number(), 8u);
  EXPECT_EQ(journal.next_number(), 10u);
}

TEST_F(JournalTest, what_a_slow_cursor_needs_stays_up_to_the_bound) {
  Journal journal({.bytes = 100 * message_size(), .retained_bytes = message_size()});
  Cursor cursor(journal, listener_, alice);
  for (int i = 1; i <= 9; ++i) {
    journal.append(numbered(i), Audience::everybody);
    journal.notify();
  }
  const auto batch = cursor.read(100, 100'000);
  EXPECT_FALSE(batch.lost);
  EXPECT_EQ(batch.messages.size(), 9u);
}

TEST_F(JournalTest, a_cursor_that_the_bound_overtakes_learns_exactly_what_it_lost) {
  Journal journal({.bytes = 3 * message_size(), .retained_bytes = 0});
  Cursor cursor(journal, listener_, alice);
  for (int i = 1; i <= 9; ++i) journal.append(numbered(i), Audience::everybody);
  const auto batch = cursor.read(100, 100'000);
  ASSERT_TRUE(batch.lost);
  EXPECT_EQ(batch.lost->first, 1u);
  EXPECT_EQ(batch.lost->last, 6u);
  EXPECT_THAT(contents(batch), ElementsAre("7", "8", "9"));
  EXPECT_FALSE(cursor.read(100, 100'000).lost) << "told once";
}

TEST_F(JournalTest, listeners_are_told_once_a_batch_and_only_when_behind) {
  Journal journal({});
  Cursor cursor(journal, listener_, alice);
  journal.notify();
  EXPECT_EQ(listener_.calls, 0);
  journal.append(numbered(1), Audience::everybody);
  journal.append(numbered(2), Audience::everybody);
  EXPECT_EQ(listener_.calls, 0);
  journal.notify();
  EXPECT_EQ(listener_.calls, 1);
}

TEST_F(JournalTest, listeners_are_told_when_the_journal_closes) {
  Journal journal({});
  Cursor cursor(journal, listener_, alice);
  journal.close();
  EXPECT_TRUE(journal.closed());
  EXPECT_EQ(listener_.calls, 1);
}

TEST_F(JournalTest, a_listener_may_remove_another_while_it_is_told) {
  class Remover : public JournalListener {
   public:
    void on_journal_activity() override { victim->reset(); }
    std::unique_ptr<Cursor>* victim = nullptr;
  };
  Journal journal({});
  Remover remover;
  Cursor first(journal, remover, alice);
  auto second = std::make_unique<Cursor>(journal, listener_, bob);
  remover.victim = &second;
  journal.append(numbered(1), Audience::everybody);
  journal.notify();
  EXPECT_EQ(second, nullptr);
  EXPECT_EQ(listener_.calls, 0);
}

}  // namespace
}  // namespace nextgen_kernels
