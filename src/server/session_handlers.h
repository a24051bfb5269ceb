#pragma once

#include <string>

#include "runtime/blocking_pool.h"
#include "server/resource_monitor.h"
#include "server/router.h"
#include "server/session_manager.h"

namespace nextgen_kernels {

/// `/api/sessions`: list, create, look at, change and end sessions. Owned by the server.
class SessionHandlers {
 public:
  SessionHandlers(SessionManager& sessions, MultiKernelManager& kernels, ResourceMonitor& resources,
                  BlockingPool& pool, std::string base_url)
      : sessions_(sessions),
        kernels_(kernels),
        resources_(resources),
        pool_(pool),
        base_url_(std::move(base_url)) {}

  void add_routes(Router& router);

 private:
  Task<Result<HttpResponse>> list(HttpRequest request);
  Task<Result<HttpResponse>> create(HttpRequest request);
  Task<Result<HttpResponse>> get(HttpRequest request);
  Task<Result<HttpResponse>> update(HttpRequest request);
  Task<Result<HttpResponse>> remove(HttpRequest request);

  Task<HttpResponse> creation_error(SessionError failure);

  nlohmann::ordered_json session_model(const Session& session) const;
  nlohmann::ordered_json model_with_resources(const Session& session) const;

  SessionManager& sessions_;
  MultiKernelManager& kernels_;
  ResourceMonitor& resources_;
  BlockingPool& pool_;
  std::string base_url_;
};

}  // namespace nextgen_kernels
