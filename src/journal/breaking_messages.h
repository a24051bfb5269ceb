#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "journal/frame_account.h"

namespace nextgen_kernels {

/// Which messages break the connections of one session. Clients have limits of their own on the size of a
/// frame: a client that meets a larger one closes the connection, comes back, goes on where it was, and meets
/// the same one again. After `most_breaks` connections that broke while the same message was on its way, the
/// message is not sent to that session any more.
///
/// The largest message that the client is not known to have is taken for the one that broke the connection,
/// and none of less than `least_bytes`: no client's limit is lower, and connections break for other reasons,
/// too. A value; each connection has one, which begins with what its session's connection before knew
/// (`BreakingSessions`).
class BreakingMessages {
 public:
  static constexpr std::size_t least_bytes = std::size_t{1024} * 1024;
  static constexpr int most_breaks = 2;
  /// The last ones that are known for one session.
  static constexpr std::size_t most_known = 100;

  /// A frame with this message is about to be written.
  void note_sent(FrameNumber frame, MessageNumber message, std::size_t size);

  /// The client broke the connection; it is known to have the frames before this one.
  void note_break(FrameNumber acknowledged);

  /// True for a message that is not to be sent.
  bool contains(MessageNumber message) const;

  /// What the session's next connection begins with.
  BreakingMessages successor() const;
  /// No connection has broken.
  bool empty() const { return suspect_ == 0; }

 private:
  struct Sent {
    FrameNumber frame;
    MessageNumber message;
    std::size_t size;
  };

  std::deque<Sent> sent_;  // None is smaller than those behind it; smaller ones before it are left out.
  MessageNumber suspect_ = 0;
  int breaks_ = 0;  // Of the suspect.
  std::vector<MessageNumber> known_;
};

/// What is known of the sessions whose connections broke, for when they come back: of the last
/// `most_sessions`.
class BreakingSessions {
 public:
  static constexpr std::size_t most_sessions = 1000;

  /// What a connection of a kernel's listener begins with.
  BreakingMessages of(std::string_view journal_id, std::string_view listener) const;

  /// One of its connections broke.
  void note(std::string_view journal_id, std::string_view listener, const BreakingMessages& messages);

 private:
  std::map<std::string, BreakingMessages> sessions_;
  std::deque<std::string> in_order_;  // Those that broke first come first.
};

}  // namespace nextgen_kernels
