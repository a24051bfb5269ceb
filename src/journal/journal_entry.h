#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "wire/message.h"

namespace nextgen_kernels {

/// The place of a message in its kernel's journal. The first message is number 1.
using MessageNumber = std::uint64_t;

/// Whom a message is for: everybody, or the listeners of one client session (a reply, a request for input).
/// A cursor's audience says whom it reads for; `observer` is for cursors only, and sees what is for anybody.
enum class Audience : std::uint32_t { everybody = 0, observer = 0xFFFF'FFFF };

/// What led to a message: of the request that it belongs to.
struct RequestOrigin {
  std::string cell_id;
  std::string requester;  ///< The listener, see `Conversation::audience_of`.

  bool operator==(const RequestOrigin&) const = default;
};

/// A message in its place.
struct JournalEntry {
  Message::Pointer message;
  MessageNumber number = 0;
  Audience audience = Audience::everybody;
  std::uint32_t epoch =
      0;  ///< Which process of the kernel said it: 1 for the first, and one more each start.
  std::shared_ptr<const RequestOrigin> origin = {};  ///< Null: not known.
  std::size_t grown = 0;  ///< What the message takes in memory beyond its `memory_size`.

  std::size_t memory_size() const { return message->memory_size() + grown; }
};

/// Messages [first, last] that are gone.
struct LostMessages {
  MessageNumber first = 0;
  MessageNumber last = 0;

  MessageNumber count() const { return last - first + 1; }
};

}  // namespace nextgen_kernels
