#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/strings.h"
#include "journal/journal_entry.h"
#include "wire/outgoing_message.h"

namespace nextgen_kernels {

/// What the parts and buffers of a message take.
std::size_t size_of(const OutgoingMessage& message);

/// Messages of clients that wait until their kernel takes them, in the order they came. All that wait under
/// one `msg_id` are of one sender: the owner sees to it with `is_id_of_another`.
class WaitingRequests {
 public:
  struct Entry {
    OutgoingMessage message;
    Audience sender = Audience::everybody;
  };

  void push(const OutgoingMessage& message, Audience sender);
  /// The first; there must be one.
  Entry pop();
  /// Puts those of `later` behind these.
  void take_over(WaitingRequests& later);

  bool empty() const { return entries_.empty(); }
  std::size_t size() const { return entries_.size(); }
  /// What they take in memory.
  std::size_t bytes() const { return bytes_; }
  bool is_id_of_another(std::string_view message_id, Audience sender) const;

 private:
  struct Owner {
    Audience sender = Audience::everybody;
    std::size_t count = 0;
  };

  using Owners = std::unordered_map<std::string, Owner, StringHash, std::equal_to<>>;  // By msg_id.
  struct Waiting {
    Entry entry;
    Owners::value_type* owner;  // Stays where it is while the map grows.
  };

  std::deque<Waiting> entries_;
  Owners owners_;
  std::size_t bytes_ = 0;
};

}  // namespace nextgen_kernels
