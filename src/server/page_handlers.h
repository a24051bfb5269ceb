#pragma once

#include "server/authenticator.h"
#include "server/router.h"

namespace nextgen_kernels {

/// The page at the server's root and the files it is made of (`web/`, embedded in the binary). Owned by the
/// server.
class PageHandlers {
 public:
  explicit PageHandlers(const Authenticator& authenticator) : authenticator_(authenticator) {}

  void add_routes(Router& router);

 private:
  Task<Result<HttpResponse>> get_page(HttpRequest request);
  Task<Result<HttpResponse>> get_file(HttpRequest request);

  const Authenticator& authenticator_;
};

}  // namespace nextgen_kernels
