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

TEST(FrameAccount, what_the_client_is_not_known_to_have_is_not_forgotten) {
  FrameAccount frames(1, 1);
  for (MessageNumber number = 1; number <= 200'000; number += 2) frames.add(number);
  EXPECT_EQ(frames.position_of(1), 1u);
  frames.acknowledge(90'001);
  frames.add(300'000);
  EXPECT_EQ(frames.position_of(90'001), 180'001u);
  EXPECT_EQ(frames.position_of(90'002), 180'003u);
  EXPECT_EQ(frames.position_of(1), std::nullopt);
  EXPECT_LE(frames.memory_size(), FrameAccount::most_runs * 16);
}

TEST(FrameAccount, where_the_client_is_known_to_stand_is_never_forgotten) {
  FrameAccount frames(1, 1);
  frames.add(1);
  frames.add(3);
  frames.acknowledge(3);
  for (MessageNumber number = 5; number <= 5 + 2 * FrameAccount::most_runs_ever; number += 2)
    frames.add(number);
  frames.finish();
  EXPECT_EQ(frames.position_of(4), std::nullopt) << "the bound";
  EXPECT_EQ(frames.acknowledged_position(), 4u);
  EXPECT_EQ(frames.position_of(3), 4u);
}

TEST(FrameAccount, takes_no_acknowledgement_of_what_it_has_forgotten) {
  FrameAccount frames(1, 1);
  for (MessageNumber number = 1; number <= 3 * FrameAccount::most_runs; number += 2) frames.add(number);
  frames.finish();
  frames.acknowledge(2);
  EXPECT_EQ(frames.acknowledged(), 1u);
}

}  // namespace
}  // namespace nextgen_kernels
