#include "journal/breaking_messages.h"

#include <algorithm>
#include <utility>

namespace nextgen_kernels {
namespace {

// Frames of a client that has acknowledged none of them; what is beyond is not noted.
constexpr std::size_t most_sent = 1000;

std::string key_of(std::string_view journal_id, std::string_view listener) {
  return std::string(journal_id).append(" ").append(listener);
}

}  // namespace

void BreakingMessages::note_sent(FrameNumber frame, MessageNumber message, std::size_t size) {
  if (size <= least_bytes) return;
  // Of two of one size the first one is the suspect.
  while (!sent_.empty() && sent_.back().size < size) sent_.pop_back();
  if (sent_.size() < most_sent) sent_.push_back({.frame = frame, .message = message, .size = size});
}

void BreakingMessages::note_break(FrameNumber acknowledged) {
  while (!sent_.empty() && sent_.front().frame < acknowledged) sent_.pop_front();
  if (sent_.empty()) return;
  const auto message = sent_.front().message;
  sent_.clear();
  if (std::exchange(suspect_, message) != message) breaks_ = 0;
  if (++breaks_ < most_breaks) return;
  breaks_ = 0;
  if (known_.size() == most_known) known_.erase(known_.begin());
  known_.push_back(message);
}

bool BreakingMessages::contains(MessageNumber message) const {
  return std::ranges::find(known_, message) != known_.end();
}

BreakingMessages BreakingMessages::successor() const {
  auto next = *this;
  next.sent_.clear();
  return next;
}

BreakingMessages BreakingSessions::of(std::string_view journal_id, std::string_view listener) const {
  const auto known = sessions_.find(key_of(journal_id, listener));
  return known == sessions_.end() ? BreakingMessages() : known->second;
}

void BreakingSessions::note(std::string_view journal_id, std::string_view listener,
                            const BreakingMessages& messages) {
  if (messages.empty()) return;
  auto key = key_of(journal_id, listener);
  if (sessions_.insert_or_assign(key, messages.successor()).second) in_order_.push_back(std::move(key));
  if (sessions_.size() <= most_sessions) return;
  sessions_.erase(in_order_.front());
  in_order_.pop_front();
}

}  // namespace nextgen_kernels
