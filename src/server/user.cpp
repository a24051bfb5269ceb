#include "server/user.h"

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "journal/session_table.h"
#include "server/password.h"

namespace nextgen_kernels {
namespace {

// Tokens that can be guessed are no tokens.
constexpr std::size_t shortest_token = 16;
constexpr std::size_t longest_username = 255;

template <typename... Args>
std::unexpected<Error> refuse(std::size_t position, fmt::format_string<Args...> format, Args&&... args) {
  return make_error(ErrorCode::invalid_argument, "IdentityProvider.users, entry {}: {}", position + 1,
                    fmt::format(format, std::forward<Args>(args)...));
}

bool is_username(std::string_view name) {
  return !name.empty() && name.size() <= longest_username &&
         std::ranges::none_of(name, [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == 0x7f; });
}

/// Where a field of this name goes; nothing when there is none.
std::string User::* text_field(std::string_view name) {
  if (name == "username") return &User::username;
  if (name == "name") return &User::display_name;
  if (name == "token") return &User::token;
  if (name == "hashed_password") return &User::hashed_password;
  return nullptr;
}
bool User::* flag_field(std::string_view name) {
  if (name == "read_only") return &User::read_only;
  if (name == "all_kernels") return &User::all_kernels;
  return nullptr;
}

Result<User> parse_user(std::size_t position, const std::string& text) {
  const auto object = nlohmann::json::parse(text, nullptr, false);
  User user;
  for (const auto& [name, value] : object.items()) {
    if (const auto field = text_field(name)) {
      if (!value.is_string()) return refuse(position, "'{}' must be a string", name);
      user.*field = value.get<std::string>();
    } else if (const auto flag = flag_field(name)) {
      if (!value.is_boolean()) return refuse(position, "'{}' must be true or false", name);
      user.*flag = value.get<bool>();
    } else {
      return refuse(position,
                    "there is no '{}', but username, name, token, hashed_password, read_only, all_kernels",
                    printable(name.substr(0, 64)));
    }
  }
  if (!is_username(user.username))
    return refuse(position, "it needs a username of at most {} characters, without spaces", longest_username);
  if (user.token.empty() && user.hashed_password.empty())
    return refuse(position, "'{}' needs a token or a hashed_password", user.username);
  if (!user.token.empty() && user.token.size() < shortest_token) {
    return refuse(position, "the token of '{}' is too short to be safe: take at least {} characters",
                  user.username, shortest_token);
  }
  if (!user.hashed_password.empty()) {
    if (auto right = check_password_hash(user.hashed_password); !right)
      return refuse(position, "hashed_password of '{}': {}", user.username, right.error().message);
  }
  return user;
}

}  // namespace

// Neither ids of sessions nor usernames have spaces.
std::string listener_name(const User& user, std::string_view session_id) {
  std::string name(session_id);
  if (!user.username.empty()) name += " " + user.username;
  if (user.read_only) name += " read-only";
  return name;
}

std::string_view session_of(std::string_view listener_name) {
  return ListenerName::parse(listener_name).session;
}

Result<std::vector<User>> parse_users(const std::vector<std::string>& objects) {
  std::vector<User> users;
  for (std::size_t position = 0; position < objects.size(); ++position) {
    auto user = parse_user(position, objects[position]);
    if (!user) return std::unexpected(user.error());
    const auto is_same_token = [&user](const User& other) {
      return !user->token.empty() && other.token == user->token;
    };
    if (std::ranges::any_of(users, is_same_token))
      return refuse(position, "the token of '{}' is that of an entry before", user->username);
    const auto has_password_too = [&user](const User& other) {
      return !user->hashed_password.empty() && !other.hashed_password.empty() &&
             other.username == user->username;
    };
    if (std::ranges::any_of(users, has_password_too))
      return refuse(position, "'{}' has a password already", user->username);
    users.push_back(std::move(*user));
  }
  return users;
}

}  // namespace nextgen_kernels
