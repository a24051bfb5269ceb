#include "journal/request_table.h"

namespace nextgen_kernels {

void RequestTable::add(Request request) {
  if (const auto existing = by_id_.find(request.message_id); existing != by_id_.end()) {
    requests_.erase(existing->second);
    by_id_.erase(existing);
  }
  if (requests_.size() >= limit_) {
    by_id_.erase(requests_.front().message_id);
    requests_.pop_front();
  }
  requests_.push_back(std::move(request));
  by_id_.emplace(requests_.back().message_id, std::prev(requests_.end()));
}

const Request* RequestTable::find(std::string_view message_id) const {
  const auto entry = by_id_.find(message_id);
  return entry == by_id_.end() ? nullptr : &*entry->second;
}

void RequestTable::note_reply(std::string_view message_id) {
  const auto entry = by_id_.find(message_id);
  if (entry == by_id_.end()) return;
  entry->second->replied = true;
  erase_if_complete(entry);
}

void RequestTable::note_idle(std::string_view message_id) {
  const auto entry = by_id_.find(message_id);
  if (entry == by_id_.end()) return;
  entry->second->idle = true;
  erase_if_complete(entry);
}

void RequestTable::clear() {
  by_id_.clear();
  requests_.clear();
}

void RequestTable::erase_if_complete(Entry entry) {
  if (!entry->second->replied || !entry->second->idle) return;
  requests_.erase(entry->second);
  by_id_.erase(entry);
}

}  // namespace nextgen_kernels
