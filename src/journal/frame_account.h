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
/// some frames are the server's own. A value: only where the two countings part is something noted, a `Run`.
/// What the client is known to have is forgotten past `most_runs` (1 MiB), the rest past `most_runs_ever`
/// (16 MiB); where it is known to stand is always known.
class FrameAccount {
 public:
  static constexpr std::size_t most_runs = 65'536;
  static constexpr std::size_t most_runs_ever = 16 * most_runs;

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
  /// Where who has what is acknowledged goes on.
  MessageNumber acknowledged_position() const { return acknowledged_position_; }

  /// Where who has everything before this frame goes on; nothing when that is not known (any more).
  std::optional<MessageNumber> position_of(FrameNumber frame) const;

  /// No frame will follow: no more than `most_runs` is needed.
  void finish();
  std::size_t memory_size() const { return runs_.size() * sizeof(Run); }

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
  MessageNumber acknowledged_position_;
  MessageNumber position_;       // Where who has everything goes on.
  MessageNumber run_continues_;  // The number that needs no new run.
  std::deque<Run> runs_;
};

}  // namespace nextgen_kernels
