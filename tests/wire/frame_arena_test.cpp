#include "wire/frame_arena.h"

#include <cstring>
#include <vector>

#include <gtest/gtest.h>

#include "wire/message.h"

namespace nextgen_kernels {
namespace {

TEST(FrameArena, frames_keep_what_was_written_and_mostly_touch_each_other) {
  FrameArena arena;
  std::vector<std::shared_ptr<char[]>> frames;
  constexpr std::size_t size = 500;
  for (int i = 0; i < 1000; ++i) {
    frames.push_back(arena.allocate(size));
    std::memset(frames.back().get(), i % 128, size);
  }
  int neighbours = 0;
  for (int i = 0; i < 1000; ++i) {
    for (std::size_t byte = 0; byte < size; ++byte) ASSERT_EQ(frames[i][byte], i % 128);
    if (i > 0 && frames[i].get() == frames[i - 1].get() + size) ++neighbours;
  }
  EXPECT_GT(neighbours, 980);
}

TEST(FrameArena, a_frame_outlives_the_arena_and_its_neighbours) {
  auto arena = std::make_unique<FrameArena>();
  arena->allocate(10);
  const auto frame = arena->allocate(10);
  std::memset(frame.get(), 'x', 10);
  arena.reset();
  EXPECT_EQ(frame[9], 'x');
}

TEST(FrameArena, large_frames_stand_alone_and_leave_the_block_to_small_ones) {
  FrameArena arena;
  const auto first = arena.allocate(100);
  const auto large = arena.allocate(1024 * 1024);
  std::memset(large.get(), 0, 1024 * 1024);
  const auto second = arena.allocate(100);
  EXPECT_EQ(second.get(), first.get() + 100);
}

TEST(FrameArena, messages_made_one_after_the_other_are_one_piece) {
  using Parts = std::array<std::string_view, 4>;
  FrameArena arena;
  const Parts parts{R"({"msg_type": "stream"})", "{}", "{}", R"({"text": "a"})"};
  const auto first = Message::make(Channel::iopub, parts, {}, &arena).value();
  const auto second = Message::make(Channel::iopub, parts, {}, &arena).value();
  EXPECT_EQ(first->v1_frame().data() + first->v1_frame().size(), second->v1_frame().data());
  EXPECT_EQ(first->v1_frame(), second->v1_frame());
}

}  // namespace
}  // namespace nextgen_kernels
