#include "clients/zmq/heartbeat_watch.h"

#include <gtest/gtest.h>

namespace nextgen_kernels {
namespace {

using namespace std::chrono_literals;

class HeartbeatWatchTest : public testing::Test {
 protected:
  /// A round of `length` in which nothing comes; whether the kernel became silent by it.
  bool miss(HeartbeatWatch::Duration length = 10s) {
    watch_.begin_round(now_);
    now_ += length;
    return watch_.end_round(now_);
  }

  HeartbeatWatch watch_{{.interval = 10s, .patience = 3}};
  HeartbeatWatch::TimePoint now_ = HeartbeatWatch::TimePoint(1h);
};

TEST_F(HeartbeatWatchTest, one_missed_beat_is_nothing) {
  watch_.heard(now_);
  EXPECT_FALSE(miss());
  EXPECT_FALSE(miss());
  EXPECT_FALSE(watch_.silent_since());
  watch_.heard(now_);
  EXPECT_FALSE(miss());
  EXPECT_FALSE(miss());
  EXPECT_FALSE(watch_.silent_since());
}

TEST_F(HeartbeatWatchTest, several_in_a_row_are_silence_told_once_since_the_last_word) {
  const auto last = now_;
  watch_.heard(last);
  EXPECT_FALSE(miss());
  EXPECT_FALSE(miss());
  EXPECT_TRUE(miss());
  EXPECT_FALSE(miss());
  EXPECT_EQ(watch_.silent_since(), last);
}

TEST_F(HeartbeatWatchTest, any_word_ends_the_silence_and_is_told_once) {
  for (int i = 0; i < 3; ++i) miss();
  EXPECT_TRUE(watch_.heard(now_));
  EXPECT_FALSE(watch_.heard(now_));
  EXPECT_FALSE(watch_.silent_since());
}

TEST_F(HeartbeatWatchTest, output_without_an_answer_to_the_ping_is_life) {
  for (int i = 0; i < 10; ++i) {
    watch_.begin_round(now_);
    now_ += 5s;
    watch_.heard(now_);
    now_ += 5s;
    EXPECT_FALSE(watch_.end_round(now_));
  }
}

TEST_F(HeartbeatWatchTest, rounds_in_which_this_program_was_stopped_do_not_count) {
  watch_.heard(now_);
  miss();
  miss();
  EXPECT_FALSE(miss(1h)) << "stopped for an hour";
  EXPECT_FALSE(miss()) << "the kernel has all its patience again";
  EXPECT_FALSE(miss());
  EXPECT_TRUE(miss());
}

}  // namespace
}  // namespace nextgen_kernels
