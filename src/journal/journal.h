#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/stable_list.h"
#include "journal/journal_entry.h"
#include "journal/journal_services.h"
#include "journal/spill.h"

namespace nextgen_kernels {

class Cursor;

/// What a journal does and did, for metrics and people.
struct JournalStatistics {
  std::string id;
  MessageNumber first_number = 0;  ///< Of what can still be read.
  MessageNumber next_number = 0;
  std::uint32_t epoch = 0;
  std::size_t memory_bytes = 0;
  std::size_t memory_messages = 0;
  std::uint64_t spilled_bytes = 0;  ///< In the file now.
  std::uint64_t spilled_messages = 0;
  std::uint64_t spill_written_bytes = 0;  ///< Ever.
  std::uint64_t spill_failures = 0;
  std::uint64_t overruns = 0;       ///< How often the bound passed a cursor by.
  std::uint64_t lost_messages = 0;  ///< That cursors still needed, all of them together.
  std::size_t cursors = 0;
  MessageNumber furthest_behind = 0;  ///< Messages that the slowest cursor has not read.
};

/// A kernel's messages, numbered in the order they arrived: the newest in memory, older ones on disk.
///
/// Owned by the kernel's `Conversation`, touched on the kernel's executor only. What is oldest leaves the
/// memory for a spill file, in the background: what all cursors have read once there is more than
/// `retained_bytes`, the rest well before `memory_bytes`. The file holds `spill_bytes`; past that the oldest
/// messages go, whoever needs them. While the file cannot be written (disk full), `memory_bytes` is the
/// bound; while it is being written, but slower than the kernel speaks, what all journals may take together
/// (`MemoryBudget`). A slow cursor costs disk, and nobody's speed.
class Journal final : private MemoryBudget::Member {
 public:
  struct Limits {
    std::size_t memory_bytes = std::size_t{64} * 1024 * 1024;
    std::size_t memory_messages = 100'000;
    std::size_t retained_bytes = std::size_t{4} * 1024 * 1024;
    std::uint64_t spill_bytes = std::uint64_t{1024} * 1024 * 1024;  ///< 0: no file.
  };

  /// A cursor still needed messages that are gone.
  struct Overrun {
    LostMessages lost;
    Audience audience = Audience::everybody;  ///< Of the cursor.
  };

  /// Without services nothing is spilled.
  explicit Journal(Limits limits, std::shared_ptr<JournalServices> services = nullptr);
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;
  ~Journal();

  /// Told when a cursor finds out what it lost.
  std::function<void(const Overrun&)> on_overrun;

  MessageNumber append(Message::Pointer message, Audience audience,
                       std::shared_ptr<const RequestOrigin> origin = nullptr);

  /// The message may take more memory than before: its legacy frame was made.
  void note_growth(MessageNumber number);

  /// What is appended from now on comes from a new process of the kernel.
  void begin_epoch() { ++epoch_; }
  std::uint32_t epoch() const { return epoch_; }

  /// Tells the listeners of all cursors that lag behind. Called once for a batch of appends.
  void notify();

  /// No message will follow. Listeners are told once they ask for more than there is.
  void close();
  bool closed() const { return closed_; }

  /// Random, and stays the same for the kernel's life.
  const std::string& id() const { return id_; }

  /// The oldest message that can be read.
  MessageNumber first_number() const;
  MessageNumber next_number() const { return memory_first_ + entries_.size(); }

  /// What is in memory, with what is being written to disk.
  std::size_t memory_size() const override { return bytes_; }
  JournalStatistics statistics() const;

 private:
  friend class Cursor;

  void spill_oldest() override;
  std::size_t drop_oldest(std::size_t bytes) override;

  void relieve();
  bool may_spill() const;
  std::size_t count_to_spill() const;
  void begin_spill(std::size_t count);
  void end_spill(const Result<void>& result);
  void keep_what_was_not_written(const Error& error);
  void forget_oldest();
  void wake(LostMessages loaded);
  void set_relief_point();
  /// The first message at or after this number that can be read.
  MessageNumber next_readable(MessageNumber number) const;
  void tell_overrun(const Cursor& cursor, LostMessages lost);

  Limits limits_;
  std::shared_ptr<JournalServices> services_;
  std::unique_ptr<Spill> spill_;
  std::size_t largest_block_ = 0;  // What is written at once.
  std::string id_;
  std::deque<JournalEntry> entries_;
  MessageNumber memory_first_ = 1;
  std::shared_ptr<const std::vector<JournalEntry>> writing_;  // Left entries_, is not yet in the file.
  std::size_t writing_bytes_ = 0;
  std::size_t bytes_ = 0;
  std::size_t relieve_above_ = 0;  // Above so many bytes, `append` looks what can leave the memory.
  std::uint64_t appended_bytes_ = 0;
  std::uint64_t spill_again_at_ = 0;  // Of appended_bytes_, after a failure.
  bool spill_failed_ = false;
  std::uint64_t spill_written_bytes_ = 0;
  std::uint64_t spill_failures_ = 0;
  std::uint64_t overruns_ = 0;
  std::uint64_t lost_messages_ = 0;
  std::uint32_t epoch_ = 0;
  bool closed_ = false;
  StableList<Cursor> cursors_;
};

}  // namespace nextgen_kernels
