#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/error.h"
#include "journal/journal_entry.h"
#include "journal/journal_services.h"
#include "journal/spill_file.h"

namespace nextgen_kernels {

/// What of a journal is on disk: blocks of entries in a file that is used round and round, where a new block
/// takes the place of the oldest. Owned by its journal, on its executor; the file is touched on other
/// threads. Reading and writing never wait: their ends are told by the two callbacks.
class Spill {
 public:
  using Entries = std::shared_ptr<const std::vector<JournalEntry>>;

  /// The entries are in the file, or why they are not.
  std::function<void(Result<void>)> on_written;
  /// What was asked for by `load` can be looked for again: `find` has it, or it is gone.
  std::function<void(LostMessages numbers)> on_loaded;

  Spill(std::shared_ptr<JournalServices> services, std::uint64_t limit);
  Spill(const Spill&) = delete;
  Spill& operator=(const Spill&) = delete;

  /// Writes entries with consecutive numbers, which follow all that were written before. One write at a time.
  void write(Entries entries);
  bool writing() const { return writing_; }

  /// Whether a message is in the file.
  bool contains(MessageNumber number) const { return block_of(number) != blocks_.end(); }

  /// The block with this message when it is in memory; otherwise nothing, and `load` brings it there.
  Entries find(MessageNumber number) const;
  void load(MessageNumber number);

  /// The first message in the file whose number is at least this one; nothing when there is none.
  std::optional<MessageNumber> next_after(MessageNumber number) const;

  std::uint64_t bytes() const { return bytes_; }
  std::uint64_t messages() const { return messages_; }

 private:
  struct Block {
    LostMessages numbers;
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
    bool loading = false;
    std::weak_ptr<const std::vector<JournalEntry>> loaded;
  };
  using Blocks = std::deque<Block>;

  Blocks::const_iterator block_of(MessageNumber number) const;
  void make_room(std::uint64_t size);
  void drop_front();
  void finish_write(Block block, Result<void> result);
  void finish_load(const Block& block, Result<std::vector<JournalEntry>> entries);

  std::shared_ptr<JournalServices> services_;
  std::uint64_t limit_;
  std::shared_ptr<SpillFile> file_;
  Blocks blocks_;  // Oldest first.
  std::uint64_t next_offset_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t messages_ = 0;
  bool writing_ = false;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace nextgen_kernels
