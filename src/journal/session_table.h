#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "journal/frame_account.h"

namespace nextgen_kernels {

/// Where a session goes on when it comes back: what it is known to have is before that.
struct SessionPosition {
  FrameNumber frame = 0;
  MessageNumber message = 0;
};

/// The parts of a listener's name, see `Conversation::audience_of`.
struct ListenerName {
  std::string_view session;
  std::string_view username;  ///< Empty: the server's own user.
  bool read_only = false;

  static ListenerName parse(std::string_view name);
};

/// The listeners of a kernel, by name as `Conversation::audience_of` has it: what tells their replies apart,
/// and where those stood that are gone. Owned by the kernel's `ListenerPlaces`; on its executor. Bounded: of
/// the sessions without a connection the `limit` ones used last are kept (with ids of 255 bytes less than 5
/// MB), and of ten times as many others it is known that they were here.
class SessionTable {
 public:
  struct Session {
    std::string id;  ///< The listener's name.
    Audience audience = Audience::everybody;
    std::size_t connections = 0;
    std::optional<SessionPosition> left_at;  ///< When nothing else says where it stood.
    std::deque<std::string> asks_as = {};    ///< The sessions that are its own, see `note_asker`.
  };

  explicit SessionTable(std::size_t limit = 10'000) : limit_(limit) {}

  /// The audience of a session, which is one of the kernel's from now on: the same for the same id.
  Audience audience_of(std::string_view id);

  /// The session asked something.
  void note_use(Audience audience);

  void connect(std::string_view id);
  void disconnect(std::string_view id);
  /// Where it stood is known from nowhere else any more.
  void note_position(std::string_view id, SessionPosition position);

  const Session* find(std::string_view id) const;
  const Session* find(Audience audience) const;

  /// The listener has sent a request whose header names this session. Everybody reads such headers on iopub,
  /// and can connect under the same session id: the session stays with the listener that used it first, and
  /// never becomes a read-only one's. True when that is news. Of one listener the last eight sessions are
  /// known.
  bool note_asker(std::string_view session, Audience audience);

  /// The listener that gets the replies to requests of this session when nothing else is known of them: the
  /// one that asked; or, when nobody did, of those who opened a session of this id and may ask, the first.
  const Session* find_asker(std::string_view session) const;

  /// By session, the names of those of these listeners that asked.
  std::map<std::string, std::string> askers_among(const std::vector<std::string>& ids) const;

  /// It was here, and what it was is forgotten.
  bool is_forgotten(std::string_view id) const;

  /// The ids of the most important ones: the connected first, then those used last.
  std::vector<std::string> most_important(std::size_t count) const;

 private:
  using Sessions = std::list<Session>;

  Session& use(std::string_view id);
  void forget_oldest();

  std::size_t limit_;
  std::uint32_t last_audience_ = 0;
  std::size_t connected_ = 0;
  Sessions sessions_;  // Those used last come last.
  std::map<std::string_view, Sessions::iterator> by_id_;
  std::map<std::string, Sessions::iterator, std::less<>> askers_;
  std::unordered_map<Audience, Sessions::iterator> by_audience_;
  std::unordered_set<std::size_t> forgotten_;  // Hashes of ids.
  std::deque<std::size_t> forgotten_in_order_;
};

}  // namespace nextgen_kernels
