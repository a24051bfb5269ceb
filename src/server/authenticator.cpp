#include "server/authenticator.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

#include <boost/asio/this_coro.hpp>

#include "base/log.h"
#include "base/random.h"
#include "base/strings.h"
#include "server/password.h"
#include "wire/digest.h"

namespace nextgen_kernels {
namespace {

constexpr std::chrono::seconds usual_cookie_lifetime = std::chrono::hours(30 * 24);
// To log in, at once: of all clients, of one, and those of one that are tried and do not wait.
constexpr int most_attempts = 512;
constexpr int most_attempts_of_client = 64;
constexpr int most_tried_of_client = 8;
constexpr std::size_t longest_password = 4096;
constexpr std::size_t nonce_digits = 32;
// With its name, which has the host's in it. What is longer none of ours is, and not worth a signature.
constexpr std::size_t longest_cookie = 1024;
constexpr std::size_t most_ended_cookies = 10'000;

/// `username-127-0-0-1-8888`: Jupyter's name, so that servers on several ports of a host do not share a
/// cookie.
std::string cookie_name(const HttpRequest& request) {
  std::string name = "username-";
  for (const char c : request.header("Host")) {
    const bool alphanumeric = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    name += alphanumeric ? c : '-';
  }
  return name;
}

/// The credentials of an Authorization header whose scheme is one that carries a token; empty for others.
std::string_view token_of_header(std::string_view authorization) {
  const auto space = authorization.find(' ');
  if (space == std::string_view::npos) return {};
  const auto scheme = to_lower(authorization.substr(0, space));
  if (scheme != "token" && scheme != "bearer") return {};
  return trim(authorization.substr(space));
}

/// Of a cookie's value; nothing when it is none.
std::optional<std::int64_t> expiry_of(std::string_view cookie) {
  std::int64_t expiry = 0;
  const auto [end, error] = std::from_chars(cookie.data(), cookie.data() + cookie.size(), expiry);
  if (error != std::errc() || end == cookie.data() + cookie.size() || *end != '.') return std::nullopt;
  return expiry;
}

std::string keyed_hex(std::string_view key, std::string_view purpose, std::string_view text) {
  return KeyedDigest::make("sha256", key)->compute_hex(std::array<std::string_view, 2>{purpose, text});
}

}  // namespace

Authenticator::Authenticator(std::vector<User> users, Settings settings)
    : anybody_(std::make_shared<const User>(User{.all_kernels = true})), settings_(std::move(settings)) {
  for (auto& user : users) {
    // The same after a restart of the server, so that pages that are open go on.
    xsrf_key_ += signature(user, "xsrf");
    users_.push_back(std::make_shared<const User>(std::move(user)));
  }
  if (users_.empty()) xsrf_key_ = random_hex(32);
}

bool Authenticator::has_passwords() const {
  return std::ranges::any_of(users_, [](const auto& user) { return !user->hashed_password.empty(); });
}

bool Authenticator::has_usernames() const {
  return std::ranges::any_of(
      users_, [](const auto& user) { return !user->hashed_password.empty() && !user->username.empty(); });
}

void Authenticator::authenticate(HttpRequest& request) const {
  const auto admit = [&request](UserPointer user, Credential credential) {
    if (user == nullptr) return false;
    request.user = std::move(user);
    request.credential = credential;
    return true;
  };
  if (users_.empty()) {
    admit(anybody_, Credential::not_required);
    return;
  }
  if (admit(user_of_token(token_of_header(request.header("Authorization"))), Credential::token)) return;
  if (admit(user_of_token(request.query_value("token").value_or("")), Credential::token)) return;
  admit(user_of_cookie(request), Credential::cookie);
}

/// Looks at all of them, so that the time it takes tells nothing.
UserPointer Authenticator::user_of_token(std::string_view token) const {
  UserPointer found;
  for (const auto& user : users_)
    if (!user->token.empty() && equal_constant_time(token, user->token)) found = user;
  return found;
}

// Depends on all that lets the user in, so that a change of it ends what was given out for it.
std::string Authenticator::signature(const User& user, std::string_view text) const {
  const auto key = fmt::format("{}\n{}\n{}\n{}{}", user.username, user.token, user.hashed_password,
                               user.read_only, user.all_kernels);
  return keyed_hex(key, "nextgen-kernels cookie ", text);
}

// `expiry.nonce:signature`. Which user's it is shows by whose signature it is.
UserPointer Authenticator::user_of_cookie(const HttpRequest& request) const {
  const auto name = cookie_name(request);
  const auto cookie = request.cookie(name).value_or("");
  if (name.size() + cookie.size() > longest_cookie) return nullptr;
  const auto colon = cookie.find(':');
  if (colon == std::string_view::npos) return nullptr;
  const auto expiry = expiry_of(cookie);
  if (!expiry || *expiry < std::time(nullptr) || ended_cookies_.contains(std::string(cookie))) return nullptr;
  const auto text = fmt::format("{}:{}", name, cookie.substr(0, colon));
  UserPointer found;
  for (const auto& user : users_)
    if (equal_constant_time(cookie.substr(colon + 1), signature(*user, text))) found = user;
  return found;
}

std::chrono::seconds Authenticator::cookie_lifetime() const {
  return settings_.cookie_options.max_age.value_or(usual_cookie_lifetime);
}

bool Authenticator::sends_over_tls_only(const HttpRequest& request) const {
  return settings_.secure_cookie.value_or(request.is_https);
}

std::string Authenticator::login_cookie_attributes(const HttpRequest& request) const {
  const auto& options = settings_.cookie_options;
  const bool secure = options.secure.value_or(sends_over_tls_only(request));
  const auto* usual_same_site = secure && settings_.cross_site_cookies ? "None" : "Lax";
  return fmt::format("{}; SameSite={}{}; Path={}{}", options.http_only.value_or(true) ? "; HttpOnly" : "",
                     options.same_site.value_or(usual_same_site), secure ? "; Secure" : "",
                     options.path.value_or(settings_.base_url),
                     options.domain ? "; Domain=" + *options.domain : std::string());
}

std::string Authenticator::make_cookie(const HttpRequest& request, const User& user) const {
  const auto name = cookie_name(request);
  const auto lifetime = cookie_lifetime().count();
  const auto value = fmt::format("{}.{}", std::time(nullptr) + lifetime, random_hex(nonce_digits / 2));
  return fmt::format("{}={}:{}; Max-Age={}{}", name, value,
                     signature(user, fmt::format("{}:{}", name, value)), lifetime,
                     login_cookie_attributes(request));
}

void Authenticator::end_cookie(const HttpRequest& request) {
  // Only one that is good: others must not fill this.
  if (user_of_cookie(request) == nullptr) return;
  ended_cookies_.emplace(request.cookie(cookie_name(request)).value_or(""));
  while (ended_cookies_.size() > most_ended_cookies ||
         expiry_of(*ended_cookies_.begin()).value_or(0) < std::time(nullptr))
    ended_cookies_.erase(ended_cookies_.begin());
}

std::string Authenticator::clear_cookie(const HttpRequest& request) const {
  return fmt::format("{}=; Max-Age=0{}", cookie_name(request), login_cookie_attributes(request));
}

std::string Authenticator::xsrf_signature(std::string_view nonce) const {
  return keyed_hex(xsrf_key_, "nextgen-kernels xsrf ", nonce);
}

std::string Authenticator::xsrf_token(const HttpRequest& request) const {
  const auto cookie = request.cookie("_xsrf").value_or("");
  if (is_our_xsrf_token(cookie)) return std::string(cookie);
  const auto nonce = random_hex(nonce_digits / 2);
  return nonce + xsrf_signature(nonce);
}

std::string Authenticator::make_xsrf_cookie(const HttpRequest& request, const std::string& xsrf_token) const {
  // Pages read it, so it is not HttpOnly.
  return fmt::format("_xsrf={}; SameSite=Lax{}; Path={}", xsrf_token,
                     sends_over_tls_only(request) ? "; Secure" : "", settings_.base_url);
}

/// Who can set cookies for a parent domain cannot make one up.
bool Authenticator::is_our_xsrf_token(std::string_view cookie) const {
  return cookie.size() > nonce_digits &&
         equal_constant_time(cookie.substr(nonce_digits), xsrf_signature(cookie.substr(0, nonce_digits)));
}

bool Authenticator::shows_xsrf_token(const HttpRequest& request, std::string_view sent) const {
  if (!settings_.check_xsrf) return true;
  const auto cookie = request.cookie("_xsrf").value_or("");
  if (!is_our_xsrf_token(cookie)) return false;
  for (const auto shown : {sent, request.header("X-XSRFToken"), request.header("X-CSRFToken"),
                           request.query_value("_xsrf").value_or("")})
    if (!shown.empty() && equal_constant_time(shown, cookie)) return true;
  return false;
}

/// One attempt to log in, from when it is taken to its end.
class Authenticator::LoginAttempt {
 public:
  LoginAttempt(Authenticator& authenticator, const std::string& client, const Executor& executor)
      : authenticator_(authenticator),
        attempts_(authenticator.attempts_.try_emplace(client, executor).first) {
    ++attempts_->second.all;
  }
  LoginAttempt(const LoginAttempt&) = delete;
  LoginAttempt& operator=(const LoginAttempt&) = delete;
  ~LoginAttempt() {
    auto& attempts = attempts_->second;
    if (is_tried_) --attempts.tried;
    attempts.ended.notify_all();
    if (--attempts.all == 0) authenticator_.attempts_.erase(attempts_);
  }

  bool begin() {
    if (attempts_->second.tried >= most_tried_of_client) return false;
    ++attempts_->second.tried;
    return is_tried_ = true;
  }
  Event& another_ended() { return attempts_->second.ended; }

 private:
  Authenticator& authenticator_;
  std::map<std::string, LoginAttempts>::iterator attempts_;
  bool is_tried_ = false;
};

bool Authenticator::takes_attempt_of(const std::string& client) const {
  int all = 0;
  for (const auto& [address, attempts] : attempts_) all += attempts.all;
  const auto own = attempts_.find(client);
  return all < most_attempts && (own == attempts_.end() || own->second.all < most_attempts_of_client);
}

/// Of this name, or the first of all; nobody when there is none.
UserPointer Authenticator::user_with_password(std::optional<std::string_view> username) const {
  const auto user = std::ranges::find_if(users_, [username](const UserPointer& candidate) {
    return !candidate->hashed_password.empty() && (!username || candidate->username == *username);
  });
  return user == users_.end() ? nullptr : *user;
}

Task<Result<UserPointer>> Authenticator::log_in(std::string username, std::string password,
                                                std::string client, BlockingPool* pool) {
  if (!takes_attempt_of(client))
    co_return make_error(ErrorCode::unavailable, "Too many people try to log in now. Try again later");
  LoginAttempt attempt(*this, client, co_await asio::this_coro::executor);
  while (!attempt.begin()) co_await attempt.another_ended().wait();
  if (auto user = user_of_token(password)) co_return user;
  // For somebody who has no password, or is not known, another's is looked at: the time that it takes does
  // not tell who there is.
  const auto named = user_with_password(username);
  const auto looked_at = named != nullptr ? named : user_with_password(std::nullopt);
  if (looked_at != nullptr && password.size() <= longest_password) {
    const bool matches = co_await pool->run(
        [&looked_at, &password] { return verify_password(looked_at->hashed_password, password); });
    if (matches && named != nullptr) co_return named;
  }
  log_warning("Somebody at {} tried to log in with a wrong password",
              client.empty() ? "a Unix-domain socket" : client);
  co_await sleep_for(settings_.wait_after_failure);
  co_return UserPointer();
}

}  // namespace nextgen_kernels
