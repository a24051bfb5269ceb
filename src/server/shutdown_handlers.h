#pragma once

#include <functional>
#include <utility>

#include "server/router.h"

namespace nextgen_kernels {

/// `POST /api/shutdown`, by which `jupyter server stop` ends a server. Owned by the server.
class ShutdownHandlers {
 public:
  /// `shutdown_requested` is called while the request is being answered.
  explicit ShutdownHandlers(std::function<void()> shutdown_requested)
      : shutdown_requested_(std::move(shutdown_requested)) {}

  void add_routes(Router& router);

 private:
  Task<Result<HttpResponse>> shut_down(HttpRequest request);

  std::function<void()> shutdown_requested_;
};

}  // namespace nextgen_kernels
