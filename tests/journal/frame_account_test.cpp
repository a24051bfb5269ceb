#include "journal/frame_account.h"

#include <gtest/gtest.h>

namespace nextgen_kernels {
namespace {

TEST(FrameAccount, knows_where_each_frame_came_from) {
  FrameAccount frames(100, 100);
  frames.add_own(100, 100);  // 100
  frames.add(100);           // 101
  frames.add(101);           // 102
  frames.add(105);           // 103: between were messages for others
  EXPECT_EQ(frames.first(), 100u);
  EXPECT_EQ(frames.next(), 104u);
  EXPECT_EQ(frames.position_of(100), 100u);
  EXPECT_EQ(frames.position_of(101), 100u);
  EXPECT_EQ(frames.position_of(102), 101u);
  EXPECT_EQ(frames.position_of(103), 105u);
  EXPECT_EQ(frames.position_of(104), 106u);
  EXPECT_EQ(frames.position_of(105), std::nullopt);
  EXPECT_EQ(frames.position_of(99), std::nullopt);
}

TEST(FrameAccount, who_lacks_the_notice_of_a_loss_is_told_again) {
  FrameAccount frames(1, 1);
  frames.add(1);
  frames.add_own(2, 11);  // 2: messages 2 to 10 are lost
  EXPECT_EQ(frames.position_of(3), 11u);
  frames.add(11);
  EXPECT_EQ(frames.position_of(2), 2u);
  EXPECT_EQ(frames.position_of(3), 11u);
}

TEST(FrameAccount, frames_may_be_numbered_otherwise_than_messages) {
  FrameAccount frames(5, 1000);
  EXPECT_EQ(frames.position_of(5), 1000u);
  frames.add(1000);
  EXPECT_EQ(frames.position_of(5), 1000u);
  EXPECT_EQ(frames.position_of(6), 1001u);
}

TEST(FrameAccount, takes_no_acknowledgement_that_cannot_be) {
  FrameAccount frames(10, 10);
  frames.add(10);
  frames.add(11);
  EXPECT_EQ(frames.acknowledged(), 10u);
  for (const FrameNumber nonsense : {0u, 9u, 13u, 99u}) frames.acknowledge(nonsense);
  EXPECT_EQ(frames.acknowledged(), 10u);
  frames.acknowledge(12);
  frames.acknowledge(11);
  EXPECT_EQ(frames.acknowledged(), 12u);
}

TEST(FrameAccount, forgets_the_oldest_and_says_so) {
  FrameAccount frames(1, 1);
  for (MessageNumber number = 1; number <= 20'000; number += 2) frames.add(number);
  EXPECT_EQ(frames.position_of(1), std::nullopt);
  EXPECT_EQ(frames.position_of(10'000), 19'999u);
  EXPECT_EQ(frames.position_of(9'000), 17'999u);
}

}  // namespace
}  // namespace nextgen_kernels
