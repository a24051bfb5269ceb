#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/stable_list.h"
#include "base/strings.h"
#include "journal/journal.h"
#include "journal/message_filter.h"

namespace nextgen_kernels {

/// Someone who gets a kernel's messages: told that there are some, reads them through its cursor when it
/// wants.
class JournalListener {
 public:
  /// There is something to read, or the journal was closed. Called on the kernel's executor; must not block.
  virtual void on_journal_activity() = 0;

  virtual ~JournalListener() = default;
};

/// Message ids of requests.
using RequestIds = std::unordered_set<std::string, StringHash, std::equal_to<>>;

/// What a cursor reads, and from where.
struct CursorOptions {
  Audience audience = Audience::everybody;
  std::optional<MessageFilter> filter = std::nullopt;
  /// The first message; none: what comes from now on.
  std::optional<MessageNumber> from = std::nullopt;
  /// Of what is there already, only what belongs to these requests.
  std::optional<RequestIds> only_requests = std::nullopt;
};

/// One listener's place in a journal; reads at its own pace, from memory or from disk. Neither outlives the
/// journal nor is outlived by its listener. On the kernel's executor.
class Cursor {
 public:
  Cursor(Journal& journal, JournalListener& listener, CursorOptions options);
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;

  struct Batch {
    std::vector<JournalEntry> entries;  ///< In order; only those meant for this cursor.
    std::optional<LostMessages> lost;   ///< Gone before this cursor came to read them; precede `entries`.
  };

  using Condition = bool (*)(const Message& message);

  /// Up to `max_messages` messages, at least one if there is one, and no more once `max_bytes` are reached.
  /// Nothing, without being at the end, while they are read from disk; the listener is told when they are
  /// there.
  /// Ends before a message that `stops_before` is true of, if that is given.
  Batch read(std::size_t max_messages, std::size_t max_bytes, Condition stops_before = nullptr);

  /// The number of the next message this cursor looks at.
  MessageNumber position() const { return next_; }
  bool at_end() const { return next_ >= journal_.next_number(); }
  /// How many messages it has not looked at.
  MessageNumber behind() const { return journal_.next_number() - next_; }
  Audience audience() const { return options_.audience; }
  /// Whether the filter lets a message through.
  bool wants(const Message& message) const { return !options_.filter || options_.filter->selects(message); }
  const Journal& journal() const { return journal_; }

 private:
  friend class Journal;

  struct Limits {
    std::size_t messages;
    std::size_t bytes;
    Condition stops_before;
  };

  bool selects(const JournalEntry& entry) const;
  /// Reads entries that follow one another, from `next_` on, until the batch is full. False then.
  template <typename Entries>
  bool take(const Entries& entries, MessageNumber first, Batch& batch, const Limits& limits);
  bool in_block() const;
  /// Makes `block_` hold `next_`, or begins to wait for it.
  void enter_block();

  Journal& journal_;
  JournalListener& listener_;
  CursorOptions options_;
  bool simple_;  // Nothing but the audience decides.
  MessageNumber next_;
  MessageNumber live_from_;  // Before it, `only_requests` decides.
  std::size_t batch_bytes_ = 0;
  bool waiting_ = false;  // For the disk.
  bool woken_ = false;    // What it waited for is there, and its listener will be told.
  Spill::Entries block_;  // Of the spill file, where it reads.
  StableList<Cursor>::Membership membership_;
};

}  // namespace nextgen_kernels
