#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>

#include "journal/memory_budget.h"

namespace nextgen_kernels {

/// Does `work` on a thread where it may block, then `done` on the journals' executor.
using RunBlocking =
    std::function<void(std::move_only_function<void()> work, std::move_only_function<void()> done)>;

/// What the journals of a server share. Made by the application, alive as long as one of its journals.
struct JournalServices {
  JournalServices(std::size_t memory_limit, std::filesystem::path directory, RunBlocking run_writes,
                  RunBlocking run_reads)
      : budget(memory_limit),
        spill_directory(std::move(directory)),
        run_write(std::move(run_writes)),
        run_read(std::move(run_reads)) {}

  MemoryBudget budget;
  std::filesystem::path spill_directory;
  /// Writes must not wait behind the reads of those who are behind: what is not written fills the memory.
  RunBlocking run_write;
  RunBlocking run_read;
};

}  // namespace nextgen_kernels
