#include "journal/session_table.h"

#include <algorithm>
#include <functional>
#include <iterator>

namespace nextgen_kernels {
namespace {

constexpr std::size_t forgotten_for_each = 10;
constexpr std::size_t most_sessions_of_one = 8;

std::size_t hash_of(std::string_view id) {
  return std::hash<std::string_view>{}(id);
}

}  // namespace

ListenerName ListenerName::parse(std::string_view name) {
  const auto next = [&name] {
    const auto part = name.substr(0, name.find(' '));
    name.remove_prefix(std::min(name.size(), part.size() + 1));
    return part;
  };
  ListenerName parts;
  parts.session = next();
  parts.username = next();
  parts.read_only = !name.empty();
  return parts;
}

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
  for (const auto& session : oldest->asks_as) askers_.erase(session);
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

bool SessionTable::note_asker(std::string_view session, Audience audience) {
  const auto known = by_audience_.find(audience);
  if (session.empty() || known == by_audience_.end() || askers_.contains(session)) return false;
  if (ListenerName::parse(known->second->id).read_only) return false;
  auto& asks_as = known->second->asks_as;
  if (asks_as.size() == most_sessions_of_one) {
    askers_.erase(asks_as.front());
    asks_as.pop_front();
  }
  asks_as.emplace_back(session);
  askers_.emplace(session, known->second);
  return true;
}

const SessionTable::Session* SessionTable::find_asker(std::string_view session) const {
  if (session.empty()) return nullptr;
  if (const auto asker = askers_.find(session); asker != askers_.end()) return &*asker->second;
  const Session* first = nullptr;
  for (auto known = by_id_.lower_bound(session); known != by_id_.end() && known->first.starts_with(session);
       ++known) {
    const auto name = ListenerName::parse(known->first);
    if (name.session != session || name.read_only) continue;
    if (first == nullptr || known->second->audience < first->audience) first = &*known->second;
  }
  return first;
}

std::map<std::string, std::string> SessionTable::askers_among(const std::vector<std::string>& ids) const {
  std::map<std::string, std::string> askers;
  for (const auto& id : ids) {
    if (const auto* session = find(id))
      for (const auto& asked_as : session->asks_as) askers.emplace(asked_as, id);
  }
  return askers;
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
