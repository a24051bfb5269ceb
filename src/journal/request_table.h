#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/strings.h"
#include "journal/cursor.h"
#include "wire/channel.h"
#include "wire/message.h"

namespace nextgen_kernels {

/// A request that a client sent.
struct Request {
  std::string message_id;
  std::string message_type;
  Channel channel = Channel::shell;
  Audience sender = Audience::everybody;
  std::shared_ptr<const RequestOrigin> origin = {};
  bool in_subshell = false;  ///< Runs beside what the kernel runs.
  std::uint64_t place = 0;   ///< Among all requests, from 1 on; the table gives it.
  MessageNumber since = 0;   ///< What the kernel says of it has this number, or a higher one.
  bool begun = false;        ///< The kernel has said that it is busy with it.
  bool replied = false;
  bool idle = false;
  bool abandoned = false;   ///< The process that was to answer it ended before it had.
  std::string header = {};  ///< JSON, as the parent of its answers; kept while it is under way.
  /// When the kernel was first heard to have looked at it.
  std::optional<std::chrono::steady_clock::time_point> answered_at = {};
};

/// Which listener asked what: a request is under way from when it is sent until its reply and its idle have
/// both passed. What has no reply (`comm_msg`) ends with its idle, and so does what has lost it: a kernel
/// answers in order, so what it was asked before on the same channel gets none any more. Bounded: past
/// `limit` the oldest requests under way are given up, and their replies then go by session, see
/// `Conversation`. Of those that have ended the newest are remembered.
class RequestTable {
 public:
  explicit RequestTable(std::size_t limit = 100'000, std::size_t ended_limit = 10'000)
      : limit_(limit), ended_limit_(ended_limit) {}

  void add(Request request);
  /// Among the requests under way.
  const Request* find(std::string_view message_id) const;
  /// Among those that have ended, too.
  const Request* recall(std::string_view message_id) const;

  /// The requests under way; `since` is where what the kernel said of them begins, `now` when there are none.
  struct Running {
    RequestIds ids;
    MessageNumber since = 0;
  };
  Running running(MessageNumber now) const;

  /// Notes what a message from the kernel says about its parent request.
  void note_busy(std::string_view message_id);
  void note_reply(std::string_view message_id);
  void note_idle(std::string_view message_id);

  /// The place of the newest request; 0 when there was none.
  std::uint64_t last_place() const { return last_place_; }
  /// Whether code that was sent up to this place waits in the kernel, or runs.
  bool is_executing(std::uint64_t last_place) const;

  /// It gets no reply, or no answer at all.
  void give_up(std::string_view message_id);

  /// Nothing is under way any more.
  void end_all();
  /// The same because the process has ended. Returns what it owed, in the order that it was sent.
  std::vector<Request> abandon_all();
  /// How many are under way.
  std::size_t size() const { return by_id_.size(); }

 private:
  using Requests = std::list<Request>;
  using Index = std::unordered_map<std::string, Requests::iterator, StringHash, std::equal_to<>>;

  static void note_answer(Request& request);
  void end_wait_for_replies_before(const Request& answered);
  void end_if_complete(Index::iterator entry);
  void end(Index::iterator entry);
  static void erase(Requests& requests, Index& index, std::string_view message_id);

  std::uint64_t last_place_ = 0;
  std::size_t limit_;
  std::size_t ended_limit_;
  Requests requests_;  // Oldest first.
  Index by_id_;
  Requests ended_;  // Oldest first.
  Index ended_by_id_;
};

}  // namespace nextgen_kernels
