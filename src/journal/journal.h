#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "wire/message.h"

namespace nextgen_kernels {

/// The place of a message in its kernel's journal. The first message is number 1.
using MessageNumber = std::uint64_t;

/// Whom a message is for: everybody, or the listeners of one client session (a reply, a request for input).
/// No message is for `observer`: it is the audience of cursors that read all there are.
enum class Audience : std::uint32_t { everybody = 0, observer = UINT32_MAX };

struct JournalEntry {
  Message::Pointer message;
  Audience audience = Audience::everybody;
};

/// Messages [first, last] that a cursor still needed when the journal's bound made them go.
struct LostMessages {
  MessageNumber first = 0;
  MessageNumber last = 0;
};

class Cursor;

/// A kernel's messages, numbered in the order they arrived, in memory.
///
/// Owned by the kernel's `Conversation`, touched on the kernel's executor only. What every cursor has read is
/// kept up to `Limits::retained_bytes`; what a cursor still needs up to `Limits::bytes`. Past that the oldest
/// entries go, whoever needs them: a slow listener costs memory up to the bound and nobody's speed.
class Journal {
 public:
  struct Limits {
    std::size_t bytes = 256 * 1024 * 1024;
    std::size_t retained_bytes = 1024 * 1024;
  };

  explicit Journal(Limits limits) : limits_(limits) {}
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  MessageNumber append(Message::Pointer message, Audience audience);

  /// Tells the listeners of all cursors that lag behind. Called once for a batch of appends.
  void notify();

  /// No message will follow. Listeners are told once they ask for more than there is.
  void close();
  bool closed() const { return closed_; }

  MessageNumber first_number() const { return first_; }
  MessageNumber next_number() const { return first_ + entries_.size(); }
  std::size_t memory_size() const { return bytes_; }

 private:
  friend class Cursor;

  void trim();

  Limits limits_;
  std::deque<JournalEntry> entries_;
  MessageNumber first_ = 1;
  std::size_t bytes_ = 0;
  bool closed_ = false;
  std::vector<Cursor*> cursors_;
};

/// Someone who gets a kernel's messages: told that there are some, reads them through its cursor when it
/// wants.
class JournalListener {
 public:
  /// There is something to read, or the journal was closed. Called on the kernel's executor; must not block.
  virtual void on_journal_activity() = 0;

  virtual ~JournalListener() = default;
};

/// One listener's place in a journal. Starts behind the newest message. Neither outlives the journal nor is
/// outlived by its listener.
class Cursor {
 public:
  Cursor(Journal& journal, JournalListener& listener, Audience audience);
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;
  ~Cursor();

  struct Batch {
    std::vector<Message::Pointer> messages;  ///< In order; those meant for this cursor's audience.
    std::optional<LostMessages> lost;  ///< Gone before this cursor came to read them; precede `messages`.
  };

  /// Up to `max_messages` messages, at least one if there is one, and no more once `max_bytes` are reached.
  Batch read(std::size_t max_messages, std::size_t max_bytes);

  /// The number of the next message this cursor reads.
  MessageNumber position() const { return next_; }
  bool at_end() const { return next_ >= journal_.next_number(); }

 private:
  friend class Journal;

  Journal& journal_;
  JournalListener& listener_;
  Audience audience_;
  MessageNumber next_;
};

}  // namespace nextgen_kernels
