#include "journal/journal.h"

#include <algorithm>

namespace nextgen_kernels {

MessageNumber Journal::append(Message::Pointer message, Audience audience) {
  bytes_ += message->memory_size();
  entries_.push_back({std::move(message), audience});
  if (bytes_ > limits_.bytes) trim();
  return next_number() - 1;
}

void Journal::trim() {
  auto needed = next_number();
  for (const auto* cursor : cursors_) needed = std::min(needed, cursor->next_);
  while (!entries_.empty() && bytes_ > limits_.retained_bytes &&
         (first_ < needed || bytes_ > limits_.bytes)) {
    bytes_ -= entries_.front().message->memory_size();
    entries_.pop_front();
    ++first_;
  }
}

void Journal::notify() {
  // A listener may go, and take its cursor along, while it is told.
  const auto cursors = cursors_;
  for (auto* cursor : cursors) {
    if (std::ranges::find(cursors_, cursor) != cursors_.end() && !cursor->at_end())
      cursor->listener_.on_journal_activity();
  }
  if (bytes_ > limits_.retained_bytes) trim();
}

void Journal::close() {
  closed_ = true;
  const auto cursors = cursors_;
  for (auto* cursor : cursors) {
    if (std::ranges::find(cursors_, cursor) != cursors_.end()) cursor->listener_.on_journal_activity();
  }
}

Cursor::Cursor(Journal& journal, JournalListener& listener, Audience audience)
    : journal_(journal), listener_(listener), audience_(audience), next_(journal.next_number()) {
  journal_.cursors_.push_back(this);
}

Cursor::~Cursor() {
  std::erase(journal_.cursors_, this);
}

Cursor::Batch Cursor::read(std::size_t max_messages, std::size_t max_bytes) {
  Batch batch;
  if (next_ < journal_.first_) {
    batch.lost = LostMessages{next_, journal_.first_ - 1};
    next_ = journal_.first_;
  }
  const auto skipped = static_cast<std::ptrdiff_t>(next_ - journal_.first_);
  const auto end = journal_.entries_.end();
  auto entry = journal_.entries_.begin() + skipped;
  batch.messages.reserve(std::min<std::size_t>(max_messages, end - entry));
  std::size_t bytes = 0;
  for (; entry != end && batch.messages.size() < max_messages && bytes < max_bytes; ++entry, ++next_) {
    const bool is_meant = entry->audience == Audience::everybody || entry->audience == audience_;
    if (!is_meant && audience_ != Audience::observer) continue;
    bytes += entry->message->memory_size();
    batch.messages.push_back(entry->message);
  }
  return batch;
}

}  // namespace nextgen_kernels
