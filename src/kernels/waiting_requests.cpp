#include "kernels/waiting_requests.h"

#include <utility>

namespace nextgen_kernels {

std::size_t size_of(const OutgoingMessage& message) {
  std::size_t size = 0;
  for (const auto part : message.parts) size += part.size();
  for (const auto buffer : message.buffers) size += buffer.size();
  return size;
}

void WaitingRequests::push(const OutgoingMessage& message, Audience sender) {
  auto& owner = *owners_.try_emplace(std::string(message.header.msg_id)).first;
  owner.second.sender = sender;
  ++owner.second.count;
  entries_.push_back({.entry = {.message = message, .sender = sender}, .owner = &owner});
  bytes_ += size_of(message) + sizeof(Waiting);
}

WaitingRequests::Entry WaitingRequests::pop() {
  auto waiting = std::move(entries_.front());
  entries_.pop_front();
  bytes_ -= size_of(waiting.entry.message) + sizeof(Waiting);
  if (--waiting.owner->second.count == 0) owners_.erase(owners_.find(waiting.owner->first));
  return std::move(waiting.entry);
}

void WaitingRequests::take_over(WaitingRequests& later) {
  while (!later.empty()) {
    const auto entry = later.pop();
    push(entry.message, entry.sender);
  }
}

bool WaitingRequests::is_id_of_another(std::string_view message_id, Audience sender) const {
  const auto owner = owners_.find(message_id);
  return owner != owners_.end() && owner->second.sender != sender;
}

}  // namespace nextgen_kernels
