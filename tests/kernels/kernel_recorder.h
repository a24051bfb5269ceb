#pragma once

#include <map>
#include <string>

#include "kernels/kernel_record.h"

namespace nextgen_kernels {

/// Keeps records of kernels for the server that comes after this one, in memory.
class MemoryRecorder final : public KernelRecorder {
 public:
  void put(const KernelRecord& record) override { records[record.kernel_id] = record; }
  void remove(const std::string& kernel_id) override { records.erase(kernel_id); }
  Task<Result<void>> written() override {
    if (is_full) co_return make_error(ErrorCode::unavailable, "The disk is full");
    co_return Result<void>{};
  }

  std::map<std::string, KernelRecord> records;
  bool is_full = false;
};

}  // namespace nextgen_kernels
