#pragma once

#include <string>

#include "server/router.h"
#include "server/session_manager.h"

namespace nextgen_kernels {

/// `/api/sessions`: list, create, look at, change and end sessions. Owned by the server.
class SessionHandlers {
 public:
  SessionHandlers(SessionManager& sessions, MultiKernelManager& kernels, std::string base_url)
      : sessions_(sessions), kernels_(kernels), base_url_(std::move(base_url)) {}

  void add_routes(Router& router);

 private:
  Task<Result<HttpResponse>> list(HttpRequest request);
  Task<Result<HttpResponse>> create(HttpRequest request);
  Task<Result<HttpResponse>> get(HttpRequest request);
  Task<Result<HttpResponse>> update(HttpRequest request);
  Task<Result<HttpResponse>> remove(HttpRequest request);

  nlohmann::ordered_json session_model(const Session& session) const;

  SessionManager& sessions_;
  MultiKernelManager& kernels_;
  std::string base_url_;
};

}  // namespace nextgen_kernels
