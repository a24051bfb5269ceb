#pragma once

#include <string>

#include "server/authenticator.h"
#include "server/router.h"

namespace nextgen_kernels {

/// The page at the server's root and the files it is made of (`web/`, embedded in the binary). Owned by the
/// server.
class PageHandlers {
 public:
  PageHandlers(const Authenticator& authenticator, std::string base_url)
      : authenticator_(authenticator), base_url_(std::move(base_url)) {}

  void add_routes(Router& router);

  /// For somebody whose browser shows neither token nor cookie: how to get in.
  static HttpResponse make_forbidden_page();

 private:
  Task<Result<HttpResponse>> get_page(HttpRequest request);
  Task<Result<HttpResponse>> get_file(HttpRequest request);

  const Authenticator& authenticator_;
  std::string base_url_;
};

}  // namespace nextgen_kernels
