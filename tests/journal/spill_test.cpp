#include "journal/spill.h"

#include <filesystem>
#include <memory>
#include <optional>

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "journal/spill_block.h"
#include "journal_fixture.h"

namespace nextgen_kernels {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr Audience alice{1};
constexpr Audience bob{2};
constexpr std::size_t kibibyte = 1024;
constexpr std::size_t mebibyte = 1024 * kibibyte;

/// Files of this process cannot grow beyond `bytes`.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(std::size_t bytes) : handler_(::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{.rlim_cur = bytes, .rlim_max = before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    ::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int);
};

/// A message of about 10 KiB that begins with its number.
Message::Pointer bulky(std::uint64_t number) {
  return make_message({.content = std::to_string(number) + std::string(10 * kibibyte, ' ')});
}

std::uint64_t number_in(const JournalEntry& entry) {
  return std::stoull(std::string(entry.message->content()));
}

class SpillTest : public testing::Test {
 protected:
  std::shared_ptr<JournalServices> make_services(std::size_t memory_limit = 1024 * mebibyte) {
    return std::make_shared<JournalServices>(memory_limit, directory_.path(), work_.runner(), work_.runner());
  }

  /// Few bytes in memory, `spill_bytes` on disk.
  Journal::Limits small_limits(std::uint64_t spill_bytes = 1024 * mebibyte) {
    return {.memory_bytes = 4 * mebibyte, .retained_bytes = mebibyte, .spill_bytes = spill_bytes};
  }

  void append(Journal& journal, std::uint64_t count, Audience audience = Audience::everybody) {
    for (std::uint64_t i = 0; i < count; ++i) {
      journal.append(bulky(journal.next_number()), audience);
      work_.do_all();
    }
  }

  /// Reads to the end; every message must be the one its number says, and follow the one before.
  std::vector<LostMessages> read_all(Journal& journal, Cursor& cursor) {
    std::vector<LostMessages> lost;
    auto expected = cursor.position();
    while (!cursor.at_end()) {
      const auto batch = cursor.read(64, mebibyte);
      if (batch.lost) {
        EXPECT_EQ(batch.lost->first, expected);
        expected = batch.lost->last + 1;
        lost.push_back(*batch.lost);
      }
      for (const auto& entry : batch.entries) {
        EXPECT_EQ(entry.number, expected++);
        EXPECT_EQ(number_in(entry), entry.number);
      }
      if (batch.entries.empty() && !cursor.at_end() && !batch.lost) {
        const int calls = listener_.calls;
        EXPECT_GT(work_.pending(), 0u) << "waits for nothing at " << cursor.position();
        if (work_.pending() == 0) break;
        work_.do_all();
        EXPECT_GT(listener_.calls, calls);
      }
    }
    EXPECT_EQ(expected, journal.next_number());
    return lost;
  }

  TemporaryDirectory directory_;
  BlockingWork work_;
  CountingListener listener_;
};

TEST_F(SpillTest, what_leaves_the_memory_can_be_read_by_number_whether_needed_or_not) {
  Journal journal(small_limits(), make_services());
  append(journal, 2000);
  EXPECT_LT(journal.memory_size(), 2 * mebibyte);
  EXPECT_EQ(journal.first_number(), 1u);
  Cursor cursor(journal, listener_, {.audience = alice, .from = 1});
  EXPECT_THAT(read_all(journal, cursor), IsEmpty());
  const auto statistics = journal.statistics();
  EXPECT_GT(statistics.spilled_bytes, 18 * mebibyte);
  EXPECT_EQ(statistics.spilled_messages + statistics.memory_messages, 2000u);
}

TEST_F(SpillTest, messages_come_back_as_they_were) {
  Journal journal(small_limits(), make_services());
  journal.begin_epoch();
  const std::string parent = R"({"msg_id":"p","msg_type":"execute_request","session":"s"})";
  const std::array<std::string_view, 4> parts = {R"({"msg_id":"m","msg_type":"comm_msg"})", parent,
                                                 R"({"meta": 1})", "not even JSON"};
  const std::string large(70'000, '\xff');
  const auto original =
      Message::make(Channel::shell, parts, std::array<std::string_view, 2>{"", large}).value();
  const RequestOrigin origin{.cell_id = "cell", .requester = "session"};
  const auto shared = std::make_shared<RequestOrigin>(origin);
  journal.append(original, bob, shared);
  journal.append(original, bob);
  journal.append(original, bob, std::make_shared<RequestOrigin>());
  journal.append(original, bob, shared);
  journal.begin_epoch();
  append(journal, 500);
  Cursor cursor(journal, listener_, {.audience = Audience::observer, .from = 1});
  cursor.read(1, 1);
  work_.do_all();
  const auto batch = cursor.read(4, mebibyte);
  ASSERT_THAT(batch.entries, SizeIs(4));
  EXPECT_EQ(*batch.entries[0].origin, origin);
  EXPECT_EQ(batch.entries[1].origin, nullptr);
  EXPECT_EQ(*batch.entries[2].origin, RequestOrigin());
  EXPECT_EQ(batch.entries[3].origin, batch.entries[0].origin);
  const auto& entry = batch.entries.front();
  EXPECT_NE(entry.message, original);
  EXPECT_EQ(entry.message->v1_frame(), original->v1_frame());
  EXPECT_EQ(entry.message->channel(), Channel::shell);
  EXPECT_EQ(entry.message->parent_fields().msg_id, "p");
  EXPECT_EQ(entry.message->buffer_count(), 2u);
  EXPECT_EQ(entry.audience, bob);
  EXPECT_EQ(entry.epoch, 1u);
}

TEST_F(SpillTest, past_the_bound_of_the_file_the_oldest_go_and_who_needed_them_is_told) {
  Journal journal(small_limits(8 * mebibyte), make_services());
  Cursor cursor(journal, listener_, {.audience = alice});
  append(journal, 3000);
  EXPECT_LE(journal.statistics().spilled_bytes, 8 * mebibyte);
  const auto first = journal.first_number();
  EXPECT_GT(first, 1800u);
  EXPECT_LT(first, 2600u) << "the file is used";
  const auto lost = read_all(journal, cursor);
  ASSERT_THAT(lost, SizeIs(1));
  EXPECT_EQ(lost[0].first, 1u);
  EXPECT_EQ(lost[0].last, first - 1);
  EXPECT_EQ(journal.statistics().lost_messages, first - 1);
}

TEST_F(SpillTest, a_slow_cursor_that_the_file_passes_by_again_and_again_is_told_each_number_once) {
  Journal journal(small_limits(3 * mebibyte), make_services());
  Cursor slow(journal, listener_, {.audience = alice});
  std::uint64_t read = 0;
  std::uint64_t lost = 0;
  MessageNumber expected = 1;
  for (int i = 0; i < 4000; ++i) {
    append(journal, 1);
    if (i % 7 != 0) continue;
    const auto batch = slow.read(3, mebibyte);
    if (batch.lost) {
      ASSERT_EQ(batch.lost->first, expected);
      lost += batch.lost->count();
      expected = batch.lost->last + 1;
    }
    for (const auto& entry : batch.entries) {
      ASSERT_EQ(entry.number, expected++);
      ASSERT_EQ(number_in(entry), entry.number);
    }
    read += batch.entries.size();
  }
  EXPECT_GT(read, 1000u);
  EXPECT_GT(lost, 1000u);
  EXPECT_EQ(read + lost + 1, expected);
}

TEST_F(SpillTest, a_cursor_at_the_end_never_waits_for_one_that_is_stalled) {
  Journal journal(small_limits(), make_services());
  Cursor stalled(journal, listener_, {.audience = alice});
  CountingListener others;
  Cursor fast(journal, others, {.audience = alice});
  for (std::uint64_t i = 1; i <= 2000; ++i) {
    journal.append(bulky(i), Audience::everybody);
    journal.notify();
    ASSERT_EQ(others.calls, static_cast<int>(i));
    ASSERT_THAT(fast.read(10, mebibyte).entries, SizeIs(1));
    if (i % 10 == 0) work_.do_all();
  }
  EXPECT_LT(journal.memory_size(), 4 * mebibyte);
  EXPECT_THAT(read_all(journal, stalled), IsEmpty());
}

TEST_F(SpillTest, cursors_that_read_the_same_part_share_its_memory) {
  Journal journal(small_limits(), make_services());
  append(journal, 1000);
  Cursor one(journal, listener_, {.audience = alice, .from = 1});
  Cursor two(journal, listener_, {.audience = bob, .from = 2});
  EXPECT_THAT(one.read(1, 1).entries, IsEmpty());
  EXPECT_THAT(two.read(1, 1).entries, IsEmpty());
  EXPECT_EQ(work_.pending(), 1u);
  work_.do_all();
  const auto first = one.read(2, mebibyte).entries;
  const auto second = two.read(1, 1).entries;
  EXPECT_EQ(first.at(1).message, second.at(0).message);
}

TEST_F(SpillTest, a_filter_looks_through_what_is_on_disk) {
  Journal journal(small_limits(), make_services());
  journal.append(make_message({.type = "wanted", .content = "1"}), Audience::everybody);
  append(journal, 1000);
  journal.append(make_message({.type = "wanted", .content = "1002"}), Audience::everybody);
  append(journal, 1000);
  Cursor cursor(journal, listener_,
                {.audience = alice,
                 .filter = MessageFilter::including({{.message_type = "wanted", .channel = {}}}),
                 .from = 1});
  std::vector<MessageNumber> found;
  while (!cursor.at_end()) {
    for (const auto& entry : cursor.read(10, mebibyte).entries) found.push_back(entry.number);
    work_.do_all();
  }
  EXPECT_THAT(found, ElementsAre(1u, 1002u));
}

TEST_F(SpillTest, the_file_has_no_name_and_is_gone_with_its_journal) {
  const auto open_files = [this] {
    std::vector<struct stat> found;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
      std::error_code error;
      const auto target = std::filesystem::read_symlink(entry.path(), error).string();
      struct stat status{};
      if (target.starts_with(directory_.path().string()) && ::stat(entry.path().c_str(), &status) == 0 &&
          S_ISREG(status.st_mode))
        found.push_back(status);
    }
    return found;
  };
  auto journal = std::make_unique<Journal>(small_limits(), make_services());
  append(*journal, 500);
  const auto files = open_files();
  ASSERT_THAT(files, SizeIs(1));
  EXPECT_EQ(files[0].st_mode & 0777, 0600u);
  EXPECT_EQ(files[0].st_nlink, 0u);
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path()));
  journal.reset();
  EXPECT_THAT(open_files(), IsEmpty());
}

TEST_F(SpillTest, without_room_on_disk_the_memory_holds_what_it_can_until_there_is_room) {
  Journal journal(small_limits(), make_services());
  Cursor cursor(journal, listener_, {.audience = alice});
  std::optional<FileSizeLimit> full(std::in_place, 0);
  append(journal, 390);  // Just below 4 MiB.
  EXPECT_GT(journal.statistics().spill_failures, 0u);
  EXPECT_EQ(journal.first_number(), 1u) << "nothing is lost that memory can hold";
  append(journal, 210);
  EXPECT_LE(journal.memory_size(), 4 * mebibyte);
  EXPECT_GT(journal.memory_size(), 4 * mebibyte - 20 * kibibyte);
  const auto first = journal.first_number();
  EXPECT_GT(first, 190u);
  full.reset();
  append(journal, 3000);
  EXPECT_GT(journal.statistics().spilled_messages, 2000u);
  const auto lost = read_all(journal, cursor);
  ASSERT_THAT(lost, SizeIs(1));
  EXPECT_EQ(lost[0].first, 1u);
  EXPECT_LT(lost[0].last, 800u) << "the disk is tried again once the memory has been filled anew";
}

TEST_F(SpillTest, a_directory_that_is_gone_is_as_a_full_disk) {
  auto services = make_services();
  services->spill_directory = directory_.path() / "gone";
  Journal journal(small_limits(), services);
  Cursor cursor(journal, listener_, {.audience = alice});
  append(journal, 350);
  EXPECT_GT(journal.statistics().spill_failures, 0u);
  EXPECT_THAT(read_all(journal, cursor), IsEmpty());
}

TEST_F(SpillTest, while_the_disk_is_slower_than_the_kernel_the_memory_of_all_journals_is_lent) {
  Journal journal(small_limits(), make_services(16 * mebibyte));
  Cursor cursor(journal, listener_, {.audience = alice});
  for (std::uint64_t i = 1; i <= 1500; ++i) {
    journal.append(bulky(i), Audience::everybody);
    ASSERT_LE(journal.memory_size(), 16 * mebibyte);
  }
  EXPECT_EQ(work_.pending(), 1u) << "one write at a time";
  EXPECT_GT(journal.memory_size(), 15 * mebibyte);
  work_.do_all();
  EXPECT_LE(journal.memory_size(), 4 * mebibyte) << "what was lent is given back";
  EXPECT_THAT(read_all(journal, cursor), IsEmpty());
}

TEST_F(SpillTest, while_the_disk_is_slower_than_the_kernel_the_memory_stays_bounded) {
  Journal journal(small_limits(), make_services(16 * mebibyte));
  Cursor cursor(journal, listener_, {.audience = alice});
  for (std::uint64_t i = 1; i <= 2000; ++i) {
    journal.append(bulky(i), Audience::everybody);
    ASSERT_LE(journal.memory_size(), 16 * mebibyte);
  }
  EXPECT_EQ(journal.first_number(), 1u) << "what is being written can be read";
  work_.do_all();
  const auto lost = read_all(journal, cursor);
  ASSERT_THAT(lost, SizeIs(1));
  EXPECT_GT(lost[0].first, 50u);
}

TEST_F(SpillTest, a_write_that_fails_while_the_memory_is_full_loses_the_oldest) {
  Journal journal(small_limits(), make_services());
  Cursor cursor(journal, listener_, {.audience = alice});
  const FileSizeLimit full(0);
  for (std::uint64_t i = 1; i <= 1000; ++i) journal.append(bulky(i), Audience::everybody);
  work_.do_all();
  EXPECT_LE(journal.memory_size(), 4 * mebibyte);
  const auto lost = read_all(journal, cursor);
  ASSERT_THAT(lost, SizeIs(1));
  EXPECT_EQ(lost[0].first, 1u);
}

TEST_F(SpillTest, a_block_whose_place_was_taken_while_it_was_read_is_lost_and_nothing_else) {
  Journal journal(small_limits(4 * mebibyte), make_services());
  append(journal, 500);
  Cursor cursor(journal, listener_, {.audience = alice, .from = journal.first_number()});
  EXPECT_THAT(cursor.read(1, 1).entries, IsEmpty());
  ASSERT_EQ(work_.pending(), 1u);
  // The file is used round while the read waits for its thread.
  BlockingWork later;
  std::swap(later, work_);
  append(journal, 1000);
  std::swap(later, work_);
  work_.do_all();
  const auto lost = read_all(journal, cursor);
  ASSERT_THAT(lost, SizeIs(1));
}

TEST_F(SpillTest, a_journal_may_go_while_its_file_is_written_or_read) {
  auto journal = std::make_unique<Journal>(small_limits(), make_services());
  append(*journal, 1000);
  auto cursor = std::make_unique<Cursor>(*journal, listener_, CursorOptions{.audience = alice, .from = 1});
  cursor->read(1, 1);
  for (int i = 0; i < 400; ++i) journal->append(bulky(1), Audience::everybody);
  EXPECT_GT(work_.pending(), 1u);
  cursor.reset();
  journal.reset();
  work_.do_all();
  EXPECT_EQ(listener_.calls, 0);
}

TEST_F(SpillTest, together_journals_take_no_more_than_their_budget) {
  const auto services = make_services(4 * mebibyte);
  Journal idle(small_limits(), services);
  Journal busy(small_limits(), services);
  Cursor of_idle(idle, listener_, {.audience = alice});
  Cursor of_busy(busy, listener_, {.audience = alice});
  append(idle, 290);
  EXPECT_GT(idle.memory_size(), 2 * mebibyte);
  append(busy, 290);
  EXPECT_LE(services->budget.used(), 4 * mebibyte);
  EXPECT_EQ(services->budget.used(), idle.memory_size() + busy.memory_size());
  EXPECT_THAT(read_all(idle, of_idle), IsEmpty()) << "it went to disk";
  EXPECT_THAT(read_all(busy, of_busy), IsEmpty());
}

TEST_F(SpillTest, without_a_disk_the_largest_journal_gives_up_its_oldest) {
  const auto services = std::make_shared<JournalServices>(4 * mebibyte, directory_.path(), nullptr, nullptr);
  Journal idle(small_limits(), services);
  Journal busy(small_limits(), services);
  append(idle, 350);
  append(busy, 350);
  EXPECT_LE(services->budget.used(), 4 * mebibyte);
  EXPECT_GT(idle.first_number(), 100u);
  EXPECT_GT(busy.first_number(), 100u);
}

// The format
// -----------------------------------------------------------------------------------------------------------

TEST(SpillBlock, refuses_what_is_damaged) {
  const auto origin = std::make_shared<RequestOrigin>(RequestOrigin{.cell_id = "c", .requester = "s"});
  const std::vector<JournalEntry> entries = {{.message = numbered(1), .number = 1},
                                             {.message = numbered(2), .number = 2, .origin = origin}};
  auto block = SpillBlock::encode_table(entries);
  for (const auto& entry : entries) block += entry.message->v1_frame();
  EXPECT_EQ(block.size(), SpillBlock::size_of(entries));
  const auto parse = [](const std::string& text) {
    const auto bytes = std::make_shared<char[]>(text.size());
    text.copy(bytes.get(), text.size());
    return SpillBlock::parse(bytes, text.size(), 7);
  };
  const auto parsed = parse(block).value();
  ASSERT_THAT(parsed, SizeIs(2));
  EXPECT_EQ(parsed[1].number, 8u);
  EXPECT_EQ(parsed[1].message->content(), "2");
  EXPECT_EQ(*parsed[1].origin, *origin);
  for (std::size_t size = 0; size < block.size(); ++size) EXPECT_FALSE(parse(block.substr(0, size))) << size;
  EXPECT_FALSE(parse(block + "x"));
  constexpr std::size_t counts = 16;
  constexpr std::size_t record = 24;
  auto too_many = block;
  too_many[7] = '\x7F';
  EXPECT_FALSE(parse(too_many));
  auto too_large = block;
  too_large[counts + 15] = '\x7F';
  EXPECT_FALSE(parse(too_large));
  auto no_frame = block;
  no_frame[counts + 2 * record + 10] = '\x01';
  EXPECT_FALSE(parse(no_frame));
  for (const char number : {'\0', '\2'}) {
    auto no_origin = block;
    no_origin[counts + record + 16] = number;
    EXPECT_FALSE(parse(no_origin));
  }
}

}  // namespace
}  // namespace nextgen_kernels
