#pragma once

#include <memory>
#include <string>

#include "kernels/multi_kernel_manager.h"
#include "runtime/blocking_pool.h"
#include "server/kernel_environment.h"
#include "server/resource_monitor.h"
#include "server/router.h"

namespace nextgen_kernels {

/// A kernel as Jupyter's REST API shows it, with what we know besides (`provisioner`, `client`, …).
nlohmann::ordered_json kernel_model(const KernelManager& kernel);

/// What a failed interrupt is answered with. A kernel that takes none now, because it is starting or dead, is
/// a conflict.
http::status status_of_failed_interrupt(ErrorCode error);

/// `/api/kernels`: list, start, look at, end, interrupt and restart kernels. Owned by the server.
class KernelHandlers {
 public:
  KernelHandlers(MultiKernelManager& kernels, ResourceMonitor& resources, BlockingPool& pool,
                 KernelEnvironmentRules environment_rules, std::string base_url)
      : kernels_(kernels),
        resources_(resources),
        pool_(pool),
        environment_rules_(std::move(environment_rules)),
        base_url_(std::move(base_url)) {}

  void add_routes(Router& router);

 private:
  Task<Result<HttpResponse>> list(HttpRequest request);
  Task<Result<HttpResponse>> start(HttpRequest request);
  Task<Result<HttpResponse>> get(HttpRequest request);
  Task<Result<HttpResponse>> shut_down(HttpRequest request);
  Task<Result<HttpResponse>> interrupt(HttpRequest request);
  Task<Result<HttpResponse>> restart(HttpRequest request);

  Result<StartKernelRequest> read_start_request(const HttpRequest& request) const;
  Task<Error> name_kernel_specs(Error unknown_spec);
  HttpResponse created(const KernelManager& kernel) const;

  nlohmann::ordered_json model_with_resources(const KernelManager& kernel) const;

  MultiKernelManager& kernels_;
  ResourceMonitor& resources_;
  BlockingPool& pool_;
  KernelEnvironmentRules environment_rules_;
  std::string base_url_;
};

}  // namespace nextgen_kernels
