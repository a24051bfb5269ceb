#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "journal/journal_entry.h"

namespace nextgen_kernels {

/// Entries with consecutive numbers as they lie in the spill file:
///
///     [count][origin count][audience, epoch, frame size, origin] … [origin: two sizes, cell, requester] …
///     [v1 WebSocket frame] …
///
/// where the origins are counted from 1 in the order in which entries name them, and 0 is none;
/// in the machine's byte order, since nobody but the process that wrote it reads it.
class SpillBlock {
 public:
  /// What stands before the frames.
  static std::string encode_table(std::span<const JournalEntry> entries);

  /// The size of the whole block.
  static std::size_t size_of(std::span<const JournalEntry> entries);

  /// The entries of a block; `first` is the number of its first one. Their messages share the block's memory.
  /// Fails with ErrorCode::protocol for anything that `encode_table` and the frames of messages do not make.
  static Result<std::vector<JournalEntry>> parse(const std::shared_ptr<char[]>& bytes, std::size_t size,
                                                 MessageNumber first);
};

}  // namespace nextgen_kernels
