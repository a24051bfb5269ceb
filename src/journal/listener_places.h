#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "journal/frame_account.h"
#include "journal/session_table.h"

namespace nextgen_kernels {

/// Where one client's connection stands in a journal. Outlives the connection, so that the client can come
/// back.
struct ListenerPlace {
  std::uint64_t stream = 0;  ///< Tells the connections of a kernel apart.
  std::string listener;      ///< As `Conversation` knows it.
  FrameAccount frames;
  bool connected = true;

  SessionPosition position() const { return {frames.acknowledged(), frames.acknowledged_position()}; }
};

/// The sessions of a kernel's clients and the places of their connections, of those that are gone too. Owned
/// by the kernel's `Conversation`; on its executor. Bounded: of the connections that ended the last
/// `most_absent` are known frame by frame, the last `most_of_session` of one session, and 16 MiB of them;
/// of the sessions of the others it is known where they stood (`SessionTable`).
class ListenerPlaces {
 public:
  static constexpr std::size_t most_absent = 1000;
  static constexpr std::ptrdiff_t most_of_session = 10;

  SessionTable& sessions() { return sessions_; }
  const SessionTable& sessions() const { return sessions_; }

  /// A number for a new connection.
  std::uint64_t new_stream() { return next_stream_++; }

  /// The place of a new connection.
  std::shared_ptr<ListenerPlace> open(std::uint64_t stream, std::string listener, FrameAccount frames);

  /// The client of the place has gone.
  void close(ListenerPlace& place);

  /// Null when there is none, or it was forgotten.
  std::shared_ptr<ListenerPlace> find(std::uint64_t stream) const;
  /// The listener's newest connection's.
  std::shared_ptr<ListenerPlace> find_newest(std::string_view listener) const;
  /// Where a listener that comes back goes on; nothing when it is new, or forgotten.
  std::optional<SessionPosition> position_of(std::string_view listener) const;

 private:
  using Absent = std::deque<std::shared_ptr<ListenerPlace>>;

  void forget(Absent::iterator place);

  std::uint64_t next_stream_ = 1;
  std::map<std::uint64_t, std::shared_ptr<ListenerPlace>> places_;  // By stream: the newest last.
  Absent absent_;  // Of them: those that went first come first.
  std::size_t absent_bytes_ = 0;
  SessionTable sessions_;
};

}  // namespace nextgen_kernels
