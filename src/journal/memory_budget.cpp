#include "journal/memory_budget.h"

#include <algorithm>

namespace nextgen_kernels {
namespace {

// Not at every message: the largest of a thousand journals is looked for.
constexpr std::size_t step = std::size_t{64} * 1024;

}  // namespace

MemoryBudget::MemoryBudget(std::size_t limit)
    : limit_(limit), spill_above_(limit - limit / 8), look_at_(spill_above_) {}

void MemoryBudget::leave(Member& member) {
  used_ -= member.memory_size();
  std::erase(members_, &member);
}

MemoryBudget::Member* MemoryBudget::largest() const {
  const auto found = std::ranges::max_element(members_, {}, &Member::memory_size);
  return found == members_.end() ? nullptr : *found;
}

void MemoryBudget::relieve() {
  if (auto* member = largest(); member != nullptr && used_ > spill_above_) member->spill_oldest();
  while (used_ > limit_) {
    auto* member = largest();
    if (member == nullptr || member->drop_oldest(used_ - limit_) == 0) break;
  }
  look_at_ = std::max(spill_above_, std::min(used_ + step, limit_));
}

}  // namespace nextgen_kernels
