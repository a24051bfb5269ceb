#include "journal/memory_budget.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace nextgen_kernels {
namespace {

constexpr std::size_t mebibyte = 1024 * 1024;

class Member final : public MemoryBudget::Member {
 public:
  explicit Member(MemoryBudget& budget) : budget_(budget) { budget_.join(*this); }
  Member(const Member&) = delete;
  Member& operator=(const Member&) = delete;
  ~Member() { budget_.leave(*this); }

  void take(std::size_t bytes) {
    size_ += bytes;
    budget_.take(bytes);
  }
  std::size_t memory_size() const override { return size_; }
  void spill_oldest() override { ++spills; }
  std::size_t drop_oldest(std::size_t bytes) override {
    const auto dropped = std::min(bytes, size_);
    size_ -= dropped;
    budget_.give_back(dropped);
    return dropped;
  }

  int spills = 0;

 private:
  MemoryBudget& budget_;
  std::size_t size_ = 0;
};

TEST(MemoryBudget, the_largest_is_asked_to_spill_before_the_limit_is_reached) {
  MemoryBudget budget(8 * mebibyte);
  Member large(budget);
  Member small(budget);
  large.take(5 * mebibyte);
  small.take(mebibyte);
  EXPECT_EQ(large.spills, 0);
  small.take(mebibyte + 1);
  EXPECT_EQ(large.spills, 1);
  EXPECT_EQ(small.spills, 0);
}

TEST(MemoryBudget, the_largest_drops_what_is_too_much) {
  MemoryBudget budget(8 * mebibyte);
  Member large(budget);
  Member small(budget);
  large.take(6 * mebibyte);
  small.take(3 * mebibyte);
  EXPECT_EQ(budget.used(), 8 * mebibyte);
  EXPECT_EQ(large.memory_size(), 5 * mebibyte);
  EXPECT_EQ(small.memory_size(), 3 * mebibyte);
}

TEST(MemoryBudget, who_leaves_gives_everything_back) {
  MemoryBudget budget(8 * mebibyte);
  {
    Member(budget).take(mebibyte);
  }
  EXPECT_EQ(budget.used(), 0u);
}

}  // namespace
}  // namespace nextgen_kernels
