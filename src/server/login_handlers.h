#pragma once

#include <string>

#include "runtime/blocking_pool.h"
#include "server/authenticator.h"
#include "server/router.h"

namespace nextgen_kernels {

/// `/login` and `/logout`, as browsers and VS Code use them: a form that takes a password or a token and
/// gives a cookie. Owned by the server.
class LoginHandlers {
 public:
  /// `pool` is where passwords are hashed.
  LoginHandlers(Authenticator& authenticator, BlockingPool& pool, std::string base_url)
      : authenticator_(authenticator), pool_(pool), base_url_(std::move(base_url)) {}

  void add_routes(Router& router);

  /// Where a browser is sent that asks for a page and shows nothing.
  HttpResponse redirect_to_login(const HttpRequest& request) const;

 private:
  Task<Result<HttpResponse>> get_page(HttpRequest request);
  Task<Result<HttpResponse>> log_in(HttpRequest request);
  Task<Result<HttpResponse>> log_out(HttpRequest request);

  HttpResponse make_page(const HttpRequest& request, const std::string& next, std::string_view problem) const;
  std::string safe_next(std::string_view next) const;

  Authenticator& authenticator_;
  BlockingPool& pool_;
  std::string base_url_;
};

}  // namespace nextgen_kernels
