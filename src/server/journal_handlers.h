#pragma once

#include "kernels/multi_kernel_manager.h"
#include "server/router.h"

namespace nextgen_kernels {

/// `/api/nextgen/kernels/{id}/journal` and `…/messages`: what a kernel said, by number. Owned by the server.
class JournalHandlers {
 public:
  JournalHandlers(Executor executor, MultiKernelManager& kernels)
      : executor_(std::move(executor)), kernels_(kernels) {}

  void add_routes(Router& router);

 private:
  Task<Result<HttpResponse>> describe(HttpRequest request);
  Task<Result<HttpResponse>> list_messages(HttpRequest request);

  Executor executor_;
  MultiKernelManager& kernels_;
};

}  // namespace nextgen_kernels
