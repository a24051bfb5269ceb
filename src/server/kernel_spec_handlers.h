#pragma once

#include <string>

#include "kernelspecs/kernel_spec_manager.h"
#include "runtime/blocking_pool.h"
#include "server/router.h"

namespace nextgen_kernels {

/// `/api/kernelspecs` and the files beside kernel specs. Owned by the server; looks at files on the pool.
class KernelSpecHandlers {
 public:
  KernelSpecHandlers(KernelSpecManager& specs, BlockingPool& pool, std::string default_kernel_name,
                     std::string base_url)
      : specs_(specs),
        pool_(pool),
        default_kernel_name_(std::move(default_kernel_name)),
        base_url_(std::move(base_url)) {}

  void add_routes(Router& router);

 private:
  Task<Result<HttpResponse>> list(HttpRequest request);
  Task<Result<HttpResponse>> get(HttpRequest request);
  Task<Result<HttpResponse>> get_resource(HttpRequest request);

  Task<Result<KernelSpec>> find_spec(std::string username, std::string name);

  KernelSpecManager& specs_;
  BlockingPool& pool_;
  std::string default_kernel_name_;
  std::string base_url_;
};

}  // namespace nextgen_kernels
