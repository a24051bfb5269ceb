#pragma once

#include <string>
#include <string_view>

#include "server/http_message.h"

namespace nextgen_kernels {

/// Decides who may come in: who has the server's token, or the cookie that a browser gets in exchange for it.
class Authenticator {
 public:
  /// An empty token lets everybody in.
  explicit Authenticator(std::string token) : token_(std::move(token)) {}

  bool requires_token() const { return !token_.empty(); }

  /// Looks for the token in `Authorization: token X` or `Bearer X` and in `?token=`, then for the cookie.
  /// Tokens are compared in constant time and never logged.
  Credential authenticate(const HttpRequest& request) const;

  /// The `Set-Cookie` value that saves this browser from showing the token again, for paths below `path`.
  std::string make_cookie(const HttpRequest& request, std::string_view path) const;

 private:
  bool has_token(const HttpRequest& request) const;
  bool has_cookie(const HttpRequest& request) const;
  std::string cookie_value(std::string_view cookie_name) const;

  std::string token_;
};

}  // namespace nextgen_kernels
