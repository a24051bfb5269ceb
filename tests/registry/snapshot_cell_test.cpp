#include "registry/snapshot_cell.h"

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace nextgen_kernels {
namespace {

struct Counted {
  explicit Counted(int number, std::atomic<int>& living) : left(number), right(number), alive(living) {
    ++alive;
  }
  ~Counted() {
    left = -1;
    --alive;
  }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  int left;
  int right;
  std::atomic<int>& alive;
};

TEST(SnapshotCell, readers_see_what_was_published_last) {
  std::atomic<int> alive = 0;
  {
    SnapshotCell<Counted> cell(std::make_unique<const Counted>(1, alive));
    EXPECT_EQ(cell.read([](const Counted& value) { return value.left; }), 1);
    (void)cell.publish(std::make_unique<const Counted>(2, alive));
    EXPECT_EQ(cell.read([](const Counted& value) { return value.left; }), 2);
    EXPECT_EQ(alive, 1) << "the old value is gone at once when nobody reads";
  }
  EXPECT_EQ(alive, 0);
}

TEST(SnapshotCell, a_value_outlives_its_readers) {
  std::atomic<int> alive = 0;
  SnapshotCell<Counted> cell(std::make_unique<const Counted>(1, alive));
  cell.read([&](const Counted& value) {
    (void)cell.publish(std::make_unique<const Counted>(2, alive));
    EXPECT_EQ(value.left, 1);
    EXPECT_EQ(alive, 2);
    return 0;
  });
  (void)cell.publish(std::make_unique<const Counted>(3, alive));
  EXPECT_EQ(alive, 1) << "what was put aside is freed by a later publication";
}

TEST(SnapshotCell, threads_read_whole_living_values_while_others_replace_them) {
  std::atomic<int> alive = 0;
  {
    SnapshotCell<Counted> cell(std::make_unique<const Counted>(0, alive));
    std::atomic<bool> stop = false;
    std::atomic<int> torn = 0;
    std::atomic<int> backwards = 0;
    std::vector<std::jthread> readers;
    for (int i = 0; i < 3; ++i)
      readers.emplace_back([&] {
        int last = 0;
        while (!stop) {
          const int seen = cell.read([&](const Counted& value) {
            if (value.left != value.right) ++torn;
            return value.left;
          });
          if (seen < last) ++backwards;
          last = seen;
        }
      });
    for (int number = 1; number <= 20000; ++number)
      (void)cell.publish(std::make_unique<const Counted>(number, alive));
    stop = true;
    readers.clear();
    EXPECT_EQ(torn, 0);
    EXPECT_EQ(backwards, 0);
  }
  EXPECT_EQ(alive, 0);
}

}  // namespace
}  // namespace nextgen_kernels
