#include "server/shutdown_handlers.h"

#include "base/log.h"
#include "server/user.h"

namespace nextgen_kernels {

void ShutdownHandlers::add_routes(Router& router) {
  router.add(http::verb::post, "/api/shutdown",
             [this](HttpRequest request) { return shut_down(std::move(request)); });
}

Task<Result<HttpResponse>> ShutdownHandlers::shut_down(HttpRequest request) {
  // It ends everybody's kernels.
  if (!request.user->all_kernels) {
    co_return error_response(
        http::status::forbidden,
        "You may end your own kernels only, and shutting down the server ends all of them");
  }
  log_info("{} asks the server to shut down",
           request.user->username.empty() ? "A client" : request.user->username);
  shutdown_requested_();
  co_return empty_response(http::status::ok);
}

}  // namespace nextgen_kernels
