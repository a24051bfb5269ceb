#include "journal/journal.h"

#include <memory>

#include "journal_fixture.h"

namespace nextgen_kernels {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr Audience alice{1};
constexpr Audience bob{2};

class JournalTest : public testing::Test {
 protected:
  static std::size_t message_size() { return numbered(1)->memory_size(); }

  CountingListener listener_;
};

TEST_F(JournalTest, a_cursor_starts_behind_the_newest_message_and_reads_in_order) {
  Journal journal({});
  EXPECT_EQ(journal.append(numbered(1), Audience::everybody), 1u);
  Cursor cursor(journal, listener_, {.audience = alice});
  EXPECT_EQ(cursor.position(), 2u);
  journal.append(numbered(2), Audience::everybody);
  journal.append(numbered(3), Audience::everybody);
  EXPECT_THAT(contents(cursor.read(10, 1000)), ElementsAre("2", "3"));
  EXPECT_TRUE(cursor.at_end());
}

TEST_F(JournalTest, a_cursor_skips_what_is_meant_for_others) {
  Journal journal({});
  Cursor cursor(journal, listener_, {.audience = alice});
  journal.append(numbered(1), alice);
  journal.append(numbered(2), bob);
  journal.append(numbered(3), Audience::everybody);
  EXPECT_THAT(contents(cursor.read(10, 1000)), ElementsAre("1", "3"));
}

TEST_F(JournalTest, batches_are_bounded_by_count_and_by_bytes_but_never_empty) {
  Journal journal({});
  Cursor cursor(journal, listener_, {.audience = alice});
  for (int i = 1; i <= 4; ++i) journal.append(numbered(i), Audience::everybody);
  EXPECT_THAT(contents(cursor.read(2, 100'000)), ElementsAre("1", "2"));
  EXPECT_THAT(contents(cursor.read(10, 1)), ElementsAre("3"));
  EXPECT_THAT(contents(cursor.read(10, 1)), ElementsAre("4"));
  EXPECT_THAT(contents(cursor.read(10, 1)), IsEmpty());
}

TEST_F(JournalTest, a_cursor_stops_where_it_is_told_to) {
  Journal journal({});
  Cursor cursor(journal, listener_, {.audience = alice});
  for (int i = 1; i <= 3; ++i) journal.append(numbered(i), Audience::everybody);
  const auto is_second = [](const Message& message) { return message.content() == "2"; };
  EXPECT_THAT(contents(cursor.read(10, 1000, is_second)), ElementsAre("1"));
  EXPECT_THAT(contents(cursor.read(10, 1000, is_second)), IsEmpty());
  EXPECT_THAT(contents(cursor.read(10, 1000)), ElementsAre("2", "3"));
}

TEST_F(JournalTest, legacy_frames_count_while_they_are_there) {
  Journal journal({.memory_messages = 2});
  journal.append(numbered(1), Audience::everybody);
  journal.append(numbered(2), Audience::everybody);
  Cursor cursor(journal, listener_, {.audience = alice, .from = 1});
  const auto batch = cursor.read(10, 1000);
  const auto before = journal.memory_size();
  std::size_t frames = 0;
  for (const auto& entry : batch.entries) {
    frames += entry.message->legacy_frame().size();
    journal.note_growth(entry.number);
    journal.note_growth(entry.number);
  }
  EXPECT_GE(journal.memory_size(), before + frames);
  journal.append(numbered(3), Audience::everybody);
  journal.append(numbered(4), Audience::everybody);
  EXPECT_EQ(journal.memory_size(), before) << "they went with their messages";
  journal.note_growth(1);
  EXPECT_EQ(journal.memory_size(), before);
}

TEST_F(JournalTest, everything_stays_up_to_the_bound_of_bytes_whether_needed_or_not) {
  Journal journal({.memory_bytes = 3 * message_size()});
  Cursor cursor(journal, listener_, {.audience = alice});
  for (int i = 1; i <= 9; ++i) {
    journal.append(numbered(i), Audience::everybody);
    cursor.read(1, 1);
  }
  EXPECT_EQ(journal.first_number(), 7u);
  EXPECT_EQ(journal.next_number(), 10u);
  EXPECT_EQ(journal.memory_size(), 3 * message_size());
}

TEST_F(JournalTest, the_number_of_messages_in_memory_is_bounded_too) {
  Journal journal({.memory_messages = 4});
  for (int i = 1; i <= 9; ++i) journal.append(numbered(i), Audience::everybody);
  EXPECT_EQ(journal.first_number(), 6u);
}

TEST_F(JournalTest, a_message_larger_than_the_bound_is_kept_while_it_is_the_newest) {
  Journal journal({.memory_bytes = 1});
  Cursor cursor(journal, listener_, {.audience = alice});
  journal.append(numbered(1), Audience::everybody);
  EXPECT_THAT(contents(cursor.read(10, 1000)), ElementsAre("1"));
}

TEST_F(JournalTest, a_cursor_that_the_bound_overtakes_learns_exactly_what_it_lost) {
  Journal journal({.memory_bytes = 3 * message_size()});
  std::vector<Journal::Overrun> overruns;
  journal.on_overrun = [&overruns](const Journal::Overrun& overrun) { overruns.push_back(overrun); };
  Cursor cursor(journal, listener_, {.audience = alice});
  for (int i = 1; i <= 9; ++i) journal.append(numbered(i), Audience::everybody);
  EXPECT_EQ(journal.statistics().furthest_behind, 9u);
  const auto batch = cursor.read(100, 100'000);
  ASSERT_TRUE(batch.lost);
  EXPECT_EQ(batch.lost->first, 1u);
  EXPECT_EQ(batch.lost->last, 6u);
  EXPECT_EQ(batch.lost->count(), 6u);
  EXPECT_THAT(contents(batch), ElementsAre("7", "8", "9"));
  EXPECT_FALSE(cursor.read(100, 100'000).lost) << "told once";
  ASSERT_EQ(overruns.size(), 1u);
  EXPECT_EQ(overruns[0].audience, alice);
  EXPECT_EQ(overruns[0].lost.last, 6u);
  EXPECT_EQ(journal.statistics().overruns, 1u);
  EXPECT_EQ(journal.statistics().lost_messages, 6u);
}

TEST_F(JournalTest, an_observer_sees_what_is_meant_for_anybody) {
  Journal journal({});
  Cursor cursor(journal, listener_, {.audience = Audience::observer});
  journal.append(numbered(1), alice);
  journal.append(numbered(2), bob);
  journal.append(numbered(3), Audience::everybody);
  const auto batch = cursor.read(10, 1000);
  EXPECT_THAT(contents(batch), ElementsAre("1", "2", "3"));
  EXPECT_EQ(batch.entries[0].audience, alice);
  EXPECT_EQ(batch.entries[1].number, 2u);
}

TEST_F(JournalTest, a_cursor_may_start_at_any_number) {
  Journal journal({.memory_messages = 3});
  for (int i = 1; i <= 5; ++i) journal.append(numbered(i), Audience::everybody);
  Cursor inside(journal, listener_, {.audience = alice, .from = 4});
  EXPECT_THAT(contents(inside.read(10, 1000)), ElementsAre("4", "5"));
  Cursor before(journal, listener_, {.audience = alice, .from = 0});
  const auto batch = before.read(10, 1000);
  ASSERT_TRUE(batch.lost);
  EXPECT_EQ(batch.lost->last, 2u);
  EXPECT_THAT(contents(batch), ElementsAre("3", "4", "5"));
  Cursor beyond(journal, listener_, {.audience = alice, .from = 100});
  EXPECT_EQ(beyond.position(), 6u);
}

TEST_F(JournalTest, a_filter_decides_what_a_cursor_reads) {
  Journal journal({});
  const auto read_types = [&](MessageFilter filter) {
    Cursor cursor(journal, listener_, {.audience = alice, .filter = std::move(filter), .from = 1});
    std::vector<std::string> types;
    for (const auto& entry : cursor.read(10, 10'000).entries)
      types.emplace_back(entry.message->header_fields().msg_type);
    EXPECT_TRUE(cursor.at_end());
    return types;
  };
  for (const auto* type : {"status", "stream", "status", "error"})
    journal.append(make_message({.type = type}), Audience::everybody);
  EXPECT_THAT(read_types(MessageFilter::including({{.message_type = "status", .channel = {}}})),
              ElementsAre("status", "status"));
  EXPECT_THAT(read_types(MessageFilter::excluding({{.message_type = "status", .channel = {}}})),
              ElementsAre("stream", "error"));
  EXPECT_THAT(read_types(MessageFilter::including({})), IsEmpty());
  EXPECT_EQ(read_types(MessageFilter::excluding({})).size(), 4u);
}

TEST_F(JournalTest, of_the_past_a_cursor_may_want_only_what_belongs_to_some_requests) {
  Journal journal({});
  journal.append(make_message({.parent_id = "old", .content = "1"}), Audience::everybody);
  journal.append(make_message({.parent_id = "running", .content = "2"}), Audience::everybody);
  Cursor cursor(journal, listener_, {.audience = alice, .from = 1, .only_requests = RequestIds{"running"}});
  journal.append(make_message({.parent_id = "new", .content = "3"}), Audience::everybody);
  EXPECT_THAT(contents(cursor.read(10, 10'000)), ElementsAre("2", "3"));
}

TEST_F(JournalTest, every_process_of_the_kernel_is_an_epoch) {
  Journal journal({});
  journal.begin_epoch();
  journal.append(numbered(1), Audience::everybody);
  journal.begin_epoch();
  journal.append(numbered(2), Audience::everybody);
  Cursor cursor(journal, listener_, {.audience = alice, .from = 1});
  const auto batch = cursor.read(10, 1000);
  EXPECT_EQ(batch.entries[0].epoch, 1u);
  EXPECT_EQ(batch.entries[1].epoch, 2u);
  EXPECT_EQ(journal.epoch(), 2u);
}

TEST_F(JournalTest, listeners_are_told_once_a_batch_and_only_when_behind) {
  Journal journal({});
  Cursor cursor(journal, listener_, {.audience = alice});
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
  Cursor cursor(journal, listener_, {.audience = alice});
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
  Cursor first(journal, remover, {.audience = alice});
  auto second = std::make_unique<Cursor>(journal, listener_, CursorOptions{.audience = bob});
  remover.victim = &second;
  journal.append(numbered(1), Audience::everybody);
  journal.notify();
  EXPECT_EQ(second, nullptr);
  EXPECT_EQ(listener_.calls, 0);
}

}  // namespace
}  // namespace nextgen_kernels
