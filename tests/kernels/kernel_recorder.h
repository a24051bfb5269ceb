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
  Task<void> written() override { co_return; }

  std::map<std::string, KernelRecord> records;
};

}  // namespace nextgen_kernels
