#pragma once

#include <cstddef>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/strings.h"
#include "journal/journal.h"
#include "wire/channel.h"
#include "wire/message.h"

namespace nextgen_kernels {

/// A request that a client sent and whose reply and idle have not both passed.
struct Request {
  std::string message_id;
  std::string message_type;
  Channel channel = Channel::shell;
  Audience sender = Audience::everybody;
  std::string cell_id;
  bool replied = false;
  bool idle = false;
};

/// Which listener asked what: filled when a request is sent, emptied when its reply and its idle have both
/// passed. Bounded: past `limit` the oldest requests are forgotten, and their replies then go by session, see
/// `Conversation`.
class RequestTable {
 public:
  explicit RequestTable(std::size_t limit = 100'000) : limit_(limit) {}

  void add(Request request);
  const Request* find(std::string_view message_id) const;

  /// Notes what a message from the kernel says about its parent request.
  void note_reply(std::string_view message_id);
  void note_idle(std::string_view message_id);

  void clear();
  std::size_t size() const { return by_id_.size(); }

 private:
  using Requests = std::list<Request>;
  using Entry = std::unordered_map<std::string, Requests::iterator, StringHash, std::equal_to<>>::iterator;

  void erase_if_complete(Entry entry);

  std::size_t limit_;
  Requests requests_;  // Oldest first.
  std::unordered_map<std::string, Requests::iterator, StringHash, std::equal_to<>> by_id_;
};

}  // namespace nextgen_kernels
