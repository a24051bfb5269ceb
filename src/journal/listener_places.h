#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>

#include "journal/frame_account.h"

namespace nextgen_kernels {

/// Where one client's connection stands in a journal. Outlives the connection, so that the client can come
/// back.
struct ListenerPlace {
  std::uint64_t stream = 0;  ///< Tells the connections of a kernel apart.
  std::string session_id;
  FrameAccount frames;
  bool connected = true;
};

/// The places of a kernel's clients, of those that are gone too. Owned by the kernel's `Conversation`; on its
/// executor. Bounded: the places of the clients that have been gone longest are forgotten.
class ListenerPlaces {
 public:
  /// A number for a new connection.
  std::uint64_t new_stream() { return next_stream_++; }

  /// The place of a new connection.
  std::shared_ptr<ListenerPlace> open(std::uint64_t stream, std::string session_id, FrameAccount frames);

  /// The client of the place has gone.
  void close(ListenerPlace& place);

  /// Null when there is none, or it was forgotten.
  std::shared_ptr<ListenerPlace> find(std::uint64_t stream) const;
  /// The session's newest connection's.
  std::shared_ptr<ListenerPlace> find_session(std::string_view session_id) const;

 private:
  std::uint64_t next_stream_ = 1;
  std::size_t connected_ = 0;
  std::list<std::shared_ptr<ListenerPlace>> places_;  // Oldest first.
};

}  // namespace nextgen_kernels
