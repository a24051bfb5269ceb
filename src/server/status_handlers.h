#pragma once

#include <functional>
#include <string>

#include <nlohmann/json.hpp>

#include "base/timestamp.h"
#include "kernels/multi_kernel_manager.h"
#include "server/router.h"

namespace nextgen_kernels {

/// What the server says about itself: `/api`, `/api/status`, `/api/me`, the registry's mappings. Owned by the
/// server.
class StatusHandlers {
 public:
  StatusHandlers(MultiKernelManager& kernels, std::string version,
                 std::function<nlohmann::json()> registry_model);

  void add_routes(Router& router);

  /// Notes that a client used the API.
  void note_activity() { last_activity_ = Timestamp::clock::now(); }

 private:
  Task<Result<HttpResponse>> get_version(HttpRequest request);
  Task<Result<HttpResponse>> get_status(HttpRequest request);
  Task<Result<HttpResponse>> get_me(HttpRequest request);
  Task<Result<HttpResponse>> get_registry(HttpRequest request);
  Task<Result<HttpResponse>> report_content_policy(HttpRequest request);

  MultiKernelManager& kernels_;
  std::string version_;
  std::function<nlohmann::json()> registry_model_;
  Timestamp started_ = Timestamp::clock::now();
  Timestamp last_activity_ = started_;
};

}  // namespace nextgen_kernels
