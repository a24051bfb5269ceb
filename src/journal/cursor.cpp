#include "journal/cursor.h"

#include <algorithm>
#include <utility>

namespace nextgen_kernels {

Cursor::Cursor(Journal& journal, JournalListener& listener, CursorOptions options)
    : journal_(journal),
      listener_(listener),
      options_(std::move(options)),
      simple_(!options_.filter && !options_.only_requests),
      next_(
          std::clamp<MessageNumber>(options_.from.value_or(journal.next_number()), 1, journal.next_number())),
      live_from_(journal.next_number()),
      membership_(journal.cursors_, *this) {}

bool Cursor::selects(const JournalEntry& entry) const {
  if (entry.audience != Audience::everybody && entry.audience != options_.audience &&
      options_.audience != Audience::observer)
    return false;
  if (simple_) return true;
  if (!wants(*entry.message)) return false;
  return !options_.only_requests || entry.number >= live_from_ ||
         options_.only_requests->contains(entry.message->parent_fields().msg_id);
}

template <typename Entries>
bool Cursor::take(const Entries& entries, MessageNumber first, Batch& batch, const Limits& limits) {
  auto entry = entries.begin() + static_cast<std::ptrdiff_t>(next_ - first);
  for (; entry != entries.end(); ++entry, ++next_) {
    if (batch.entries.size() >= limits.messages || batch_bytes_ >= limits.bytes) return false;
    if (!selects(*entry)) continue;
    if (limits.stops_before != nullptr && limits.stops_before(*entry->message)) return false;
    batch_bytes_ += entry->message->memory_size();
    batch.entries.push_back(*entry);
  }
  return true;
}

bool Cursor::in_block() const {
  return block_ != nullptr && block_->front().number <= next_ && next_ <= block_->back().number;
}

void Cursor::enter_block() {
  block_ = journal_.spill_->find(next_);
  if (block_ != nullptr) return;
  waiting_ = true;
  journal_.spill_->load(next_);
}

Cursor::Batch Cursor::read(std::size_t max_messages, std::size_t max_bytes, Condition stops_before) {
  const Limits limits{.messages = max_messages, .bytes = max_bytes, .stops_before = stops_before};
  Batch batch;
  batch_bytes_ = 0;
  while (!waiting_) {
    if (next_ >= journal_.memory_first_) {
      block_.reset();
      const auto& entries = journal_.entries_;
      if (batch.entries.empty())
        batch.entries.reserve(std::min<std::size_t>(max_messages, journal_.next_number() - next_));
      take(entries, journal_.memory_first_, batch, limits);
      return batch;
    }
    if (in_block()) {  // Also when its place in the file was taken meanwhile.
      if (!take(*block_, block_->front().number, batch, limits)) return batch;
      continue;
    }
    if (const auto readable = journal_.next_readable(next_); readable > next_) {
      if (!batch.entries.empty() || batch.lost) return batch;  // What is lost stands before what follows.
      batch.lost = LostMessages{next_, readable - 1};
      next_ = readable;
      journal_.tell_overrun(*this, *batch.lost);
      continue;
    }
    const auto& writing = journal_.writing_;
    if (writing != nullptr && next_ >= writing->front().number) {
      if (!take(*writing, writing->front().number, batch, limits)) return batch;
      continue;
    }
    enter_block();
  }
  return batch;
}

}  // namespace nextgen_kernels
