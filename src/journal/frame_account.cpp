#include "journal/frame_account.h"

#include <algorithm>
#include <iterator>

namespace nextgen_kernels {

FrameAccount::FrameAccount(FrameNumber first, MessageNumber position)
    : first_frame_(first),
      next_frame_(first),
      acknowledged_(first),
      acknowledged_position_(position),
      position_(position),
      run_continues_(position),
      runs_{{.frame = first, .number = position}} {}

void FrameAccount::begin_run(MessageNumber number) {
  if (runs_.back().frame == next_frame_) runs_.pop_back();
  runs_.push_back({.frame = next_frame_, .number = number});
  while (runs_.size() > most_runs && (runs_[1].frame <= acknowledged_ || runs_.size() > most_runs_ever))
    runs_.pop_front();
}

void FrameAccount::finish() {
  while (runs_.size() > most_runs) runs_.pop_front();
}

void FrameAccount::add(MessageNumber number) {
  // What was skipped before it was for others: who lacks this frame may go on at either.
  if (number != run_continues_) begin_run(number);
  ++next_frame_;
  position_ = number + 1;
  run_continues_ = position_;
}

void FrameAccount::add_own(MessageNumber before, MessageNumber after) {
  begin_run(before);
  ++next_frame_;
  position_ = after;
  run_continues_ = before + 1;
}

void FrameAccount::acknowledge(FrameNumber frame) {
  if (frame <= acknowledged_) return;
  const auto position = position_of(frame);
  if (!position) return;
  acknowledged_ = frame;
  acknowledged_position_ = *position;
}

std::optional<MessageNumber> FrameAccount::position_of(FrameNumber frame) const {
  if (frame == next_frame_) return position_;
  if (frame == acknowledged_) return acknowledged_position_;
  if (frame > next_frame_) return std::nullopt;
  const auto after = std::ranges::upper_bound(runs_, frame, {}, &Run::frame);
  if (after == runs_.begin()) return std::nullopt;
  const auto& run = *std::prev(after);
  return run.number + (frame - run.frame);
}

}  // namespace nextgen_kernels
