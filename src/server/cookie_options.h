#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "base/error.h"

namespace nextgen_kernels {

/// What browsers are told of the cookie that lets in; nothing where the server decides.
struct CookieOptions {
  std::optional<std::string> domain = {};
  std::optional<std::string> path = {};
  std::optional<std::chrono::seconds> max_age = {};  ///< It lets nobody in for longer.
  std::optional<bool> http_only = {};
  std::optional<bool> secure = {};
  std::optional<std::string> same_site = {};  ///< Lax, Strict or None.
};

/// Reads `IdentityProvider.cookie_options`: the arguments of Tornado's `set_secure_cookie`, in any case.
/// Fails with `invalid_argument`.
Result<CookieOptions> parse_cookie_options(const std::map<std::string, std::string>& options);

}  // namespace nextgen_kernels
