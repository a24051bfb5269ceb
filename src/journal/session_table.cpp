#include "journal/session_table.h"

#include <algorithm>
#include <functional>
#include <iterator>

namespace nextgen_kernels {
namespace {

constexpr std::size_t forgotten_for_each = 10;

std::size_t hash_of(std::string_view id) {
  return std::hash<std::string_view>{}(id);
}

}  // namespace

SessionTable::Session& SessionTable::use(std::string_view id) {
  if (const auto known = by_id_.find(id); known != by_id_.end()) {
    sessions_.splice(sessions_.end(), sessions_, known->second);
    return *known->second;
  }
  if (sessions_.size() - connected_ >= limit_) forget_oldest();
  sessions_.push_back(
      {.id = std::string(id), .audience = Audience{++last_audience_}, .connections = 0, .left_at = {}});
  const auto added = std::prev(sessions_.end());
  by_id_.emplace(added->id, added);
  by_audience_.emplace(added->audience, added);
  if (forgotten_.erase(hash_of(id)) > 0) std::erase(forgotten_in_order_, hash_of(id));
  return *added;
}

void SessionTable::forget_oldest() {
  const auto oldest = std::ranges::find(sessions_, 0u, &Session::connections);
  if (oldest == sessions_.end()) return;
  if (forgotten_.insert(hash_of(oldest->id)).second) forgotten_in_order_.push_back(hash_of(oldest->id));
  if (forgotten_in_order_.size() > forgotten_for_each * limit_) {
    forgotten_.erase(forgotten_in_order_.front());
    forgotten_in_order_.pop_front();
  }
  by_id_.erase(oldest->id);
  by_audience_.erase(oldest->audience);
  sessions_.erase(oldest);
}

Audience SessionTable::audience_of(std::string_view id) {
  return use(id).audience;
}

void SessionTable::note_use(Audience audience) {
  if (const auto known = by_audience_.find(audience); known != by_audience_.end())
    sessions_.splice(sessions_.end(), sessions_, known->second);
}

void SessionTable::connect(std::string_view id) {
  auto& session = use(id);
  session.left_at.reset();
  if (++session.connections == 1) ++connected_;
}

void SessionTable::disconnect(std::string_view id) {
  if (--use(id).connections == 0) --connected_;
}

void SessionTable::note_position(std::string_view id, SessionPosition position) {
  if (const auto known = by_id_.find(id); known != by_id_.end()) known->second->left_at = position;
}

const SessionTable::Session* SessionTable::find(std::string_view id) const {
  const auto known = by_id_.find(id);
  return known == by_id_.end() ? nullptr : &*known->second;
}

const SessionTable::Session* SessionTable::find(Audience audience) const {
  const auto known = by_audience_.find(audience);
  return known == by_audience_.end() ? nullptr : &*known->second;
}

const SessionTable::Session* SessionTable::find_any_of(std::string_view session_id) const {
  if (const auto* session = find(session_id)) return session;
  const auto of_a_user = std::string(session_id) + " ";
  const auto known = by_id_.lower_bound(of_a_user);
  return known == by_id_.end() || !known->first.starts_with(of_a_user) ? nullptr : &*known->second;
}

bool SessionTable::is_forgotten(std::string_view id) const {
  return forgotten_.contains(hash_of(id));
}

std::vector<std::string> SessionTable::most_important(std::size_t count) const {
  std::vector<std::string> ids;
  const auto add = [&](std::size_t up_to, auto selects) {
    for (auto session = sessions_.rbegin(); session != sessions_.rend() && ids.size() < up_to; ++session)
      if (selects(*session)) ids.push_back(session->id);
  };
  add(std::min(count, connected_), [](const Session& session) { return session.connections > 0; });
  add(count, [](const Session& session) { return session.connections == 0; });
  return ids;
}

}  // namespace nextgen_kernels
