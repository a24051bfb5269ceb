#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "journal/journal_entry.h"

namespace nextgen_kernels {

/// The place of a frame among those a client was sent.
using FrameNumber = std::uint64_t;

/// Where in the journal each frame comes from that a client was sent. Frames are counted one by one, because
/// that is what a client can do, too; the numbers of messages have holes where messages are for others, and
/// some frames are the server's own. A value, small: only where the two countings part is something noted.
class FrameAccount {
 public:
  /// The next frame will have the number `first` and come from `position`, or later.
  FrameAccount(FrameNumber first, MessageNumber position);

  /// A frame with this message of the journal was sent.
  void add(MessageNumber number);

  /// A frame of the server's own was sent. Who has not got it goes on at `before`, who has it at `after`.
  void add_own(MessageNumber before, MessageNumber after);

  /// The number of the next frame.
  FrameNumber next() const { return next_frame_; }
  FrameNumber first() const { return first_frame_; }

  /// The client has everything before this frame. What cannot be is ignored: clients can say anything.
  void acknowledge(FrameNumber frame);
  FrameNumber acknowledged() const { return acknowledged_; }

  /// Where who has everything before this frame goes on; nothing when that is not known (any more).
  std::optional<MessageNumber> position_of(FrameNumber frame) const;

 private:
  /// Frames from `frame` on come from `number` on, one by one, up to the next run.
  struct Run {
    FrameNumber frame;
    MessageNumber number;
  };
  void begin_run(MessageNumber number);

  FrameNumber first_frame_;
  FrameNumber next_frame_;
  FrameNumber acknowledged_;
  MessageNumber position_;       // Where who has everything goes on.
  MessageNumber run_continues_;  // The number that needs no new run.
  std::deque<Run> runs_;
};

}  // namespace nextgen_kernels
