#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/blocking_pool.h"
#include "runtime/event.h"
#include "runtime/task.h"
#include "server/cookie_options.h"
#include "server/http_message.h"
#include "server/user.h"

namespace nextgen_kernels {

/// Decides who may come in: who has a token, the cookie that a browser gets in exchange for it, or a
/// password. Owned by the server; on its executor.
class Authenticator {
 public:
  struct Settings {
    /// Browsers send the cookies over TLS only. Nothing: when they got them over TLS.
    std::optional<bool> secure_cookie = {};
    CookieOptions cookie_options = {};  ///< Of the cookie that lets in.
    /// Browsers send the cookie that lets in with what pages of other sites ask, too, if they send it over
    /// TLS only.
    bool cross_site_cookies = false;
    std::string base_url = "/";  ///< Cookies are for paths below it.
    std::chrono::steady_clock::duration wait_after_failure = std::chrono::seconds(1);
    /// False: nobody has to show that a page of ours asks. Dangerous.
    bool check_xsrf = true;
  };

  /// Nobody: everybody comes in.
  Authenticator(std::vector<User> users, Settings settings);

  bool requires_credentials() const { return !users_.empty(); }

  /// Whether there is somebody who can give a password at the login page.
  bool has_passwords() const;
  /// Whether the login page has to ask for a username.
  bool has_usernames() const;

  /// Looks for a token in `Authorization: token X` or `Bearer X` and in `?token=`, then for the cookie. Sets
  /// who asks and how they showed it. Tokens are compared in constant time and never logged.
  void authenticate(HttpRequest& request) const;

  /// Who has this password; or this token, which the login page takes as well. Nobody when it is wrong, which
  /// takes a second. Passwords are hashed in `pool`. Of one `client` (`HttpRequest::client`) a few are tried
  /// at a time and the others wait, so that one who guesses keeps out nobody who comes from elsewhere. Fails
  /// with `unavailable` when too many wait.
  Task<Result<UserPointer>> log_in(std::string username, std::string password, std::string client,
                                   BlockingPool* pool);

  /// The `Set-Cookie` value that saves this browser from showing who it is again, for 30 days unless the
  /// options say otherwise.
  std::string make_cookie(const HttpRequest& request, const User& user) const;

  /// Lets nobody in any more with the cookie of this request, as long as this server runs.
  void end_cookie(const HttpRequest& request);

  /// The `Set-Cookie` value that takes it away.
  std::string clear_cookie(const HttpRequest& request) const;

  /// The value that pages of ours send back with what they ask for (`_xsrf`, `X-XSRFToken`): the one that
  /// this browser has, or a new one.
  std::string xsrf_token(const HttpRequest& request) const;
  std::string make_xsrf_cookie(const HttpRequest& request, const std::string& xsrf_token) const;

  /// Whether a request shows that one of our pages asks: it sends, beside its `_xsrf` cookie, the same value
  /// in a header, in the query, or as `sent`. No other site's page can read it. Always, when that is not
  /// checked.
  bool shows_xsrf_token(const HttpRequest& request, std::string_view sent = {}) const;

 private:
  class LoginAttempt;
  struct LoginAttempts {
    explicit LoginAttempts(const Executor& executor) : ended(executor) {}
    int all = 0;
    int tried = 0;  // The others wait.
    Event ended;
  };

  UserPointer user_of_token(std::string_view token) const;
  bool takes_attempt_of(const std::string& client) const;
  UserPointer user_of_cookie(const HttpRequest& request) const;
  std::string signature(const User& user, std::string_view text) const;
  std::string xsrf_signature(std::string_view nonce) const;
  bool is_our_xsrf_token(std::string_view cookie) const;
  std::chrono::seconds cookie_lifetime() const;
  bool sends_over_tls_only(const HttpRequest& request) const;
  std::string login_cookie_attributes(const HttpRequest& request) const;
  UserPointer user_with_password(std::optional<std::string_view> username) const;

  std::vector<UserPointer> users_;
  UserPointer anybody_;
  Settings settings_;
  std::string xsrf_key_;
  std::set<std::string> ended_cookies_;            // Those that end first stand first.
  std::map<std::string, LoginAttempts> attempts_;  // To log in, under way, by client.
};

}  // namespace nextgen_kernels
