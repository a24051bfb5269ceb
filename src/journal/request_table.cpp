#include "journal/request_table.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace nextgen_kernels {
namespace {

// Clients choose their ids; what is longer than any of theirs is not remembered beyond its request.
constexpr std::size_t longest_remembered = 1024;

}  // namespace

void RequestTable::erase(Requests& requests, Index& index, std::string_view message_id) {
  const auto entry = index.find(message_id);
  if (entry == index.end()) return;
  requests.erase(entry->second);
  index.erase(entry);
}

void RequestTable::add(Request request) {
  erase(requests_, by_id_, request.message_id);
  if (requests_.size() >= limit_) end(by_id_.find(requests_.front().message_id));
  if (!request.message_type.empty() && !request.message_type.ends_with("_request")) request.replied = true;
  request.place = ++last_place_;
  requests_.push_back(std::move(request));
  by_id_.emplace(requests_.back().message_id, std::prev(requests_.end()));
}

const Request* RequestTable::find(std::string_view message_id) const {
  const auto entry = by_id_.find(message_id);
  return entry == by_id_.end() ? nullptr : &*entry->second;
}

const Request* RequestTable::recall(std::string_view message_id) const {
  if (const auto* request = find(message_id)) return request;
  const auto entry = ended_by_id_.find(message_id);
  return entry == ended_by_id_.end() ? nullptr : &*entry->second;
}

RequestTable::Running RequestTable::running(MessageNumber now) const {
  Running running{.ids = {}, .since = now};
  for (const auto& request : requests_) {
    running.ids.insert(request.message_id);
    running.since = std::min(running.since, request.since);
  }
  return running;
}

void RequestTable::note_busy(std::string_view message_id) {
  if (const auto entry = by_id_.find(message_id); entry != by_id_.end()) entry->second->begun = true;
}

void RequestTable::note_reply(std::string_view message_id) {
  const auto entry = by_id_.find(message_id);
  if (entry == by_id_.end()) return;
  entry->second->replied = true;
  note_answer(*entry->second);
  end_wait_for_replies_before(*entry->second);
  end_if_complete(entry);
}

void RequestTable::end_wait_for_replies_before(const Request& answered) {
  if (answered.in_subshell) return;
  for (auto request = requests_.begin(); &*request != &answered;) {
    const auto earlier = request++;
    if (earlier->channel != answered.channel || earlier->in_subshell) continue;
    earlier->replied = true;
    end_if_complete(by_id_.find(earlier->message_id));
  }
}

void RequestTable::note_idle(std::string_view message_id) {
  const auto entry = by_id_.find(message_id);
  if (entry == by_id_.end()) return;
  entry->second->idle = true;
  note_answer(*entry->second);
  end_if_complete(entry);
}

void RequestTable::note_answer(Request& request) {
  if (!request.answered_at) request.answered_at = std::chrono::steady_clock::now();
}

bool RequestTable::is_executing(std::uint64_t last_place) const {
  for (const auto& request : requests_) {
    if (request.place > last_place) return false;
    const bool executes = request.channel == Channel::shell && request.message_type == "execute_request";
    if (executes && !request.in_subshell && !request.replied && !request.idle) return true;
  }
  return false;
}

void RequestTable::give_up(std::string_view message_id) {
  if (const auto entry = by_id_.find(message_id); entry != by_id_.end()) end(entry);
}

void RequestTable::end_all() {
  while (!requests_.empty()) end(by_id_.find(requests_.front().message_id));
}

std::vector<Request> RequestTable::abandon_all() {
  std::vector<Request> abandoned;
  abandoned.reserve(requests_.size());
  for (auto& request : requests_) {
    request.abandoned = true;
    abandoned.push_back(request);
  }
  end_all();
  return abandoned;
}

void RequestTable::end_if_complete(Index::iterator entry) {
  if (entry->second->replied && entry->second->idle) end(entry);
}

void RequestTable::end(Index::iterator entry) {
  const auto request = entry->second;
  if (request->message_id.size() > longest_remembered) {
    requests_.erase(request);
    by_id_.erase(entry);
    return;
  }
  request->header = {};
  erase(ended_, ended_by_id_, request->message_id);
  ended_.splice(ended_.end(), requests_, request);
  ended_by_id_.insert(by_id_.extract(entry));
  if (ended_.size() > ended_limit_) {
    const auto oldest = ended_.front().message_id;
    erase(ended_, ended_by_id_, oldest);
  }
}

}  // namespace nextgen_kernels
