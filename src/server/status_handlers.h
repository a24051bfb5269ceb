#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/timestamp.h"
#include "kernels/multi_kernel_manager.h"
#include "server/router.h"
#include "server/user.h"

namespace nextgen_kernels {

/// What the server says about itself: `/api`, `/api/status`, `/api/me`. Owned by the server.
class StatusHandlers {
 public:
  StatusHandlers(MultiKernelManager& kernels, std::string version);

  void add_routes(Router& router);

  /// Notes that a client used the API.
  void note_activity() { last_activity_ = Timestamp::clock::now(); }

  const std::string& version() const { return version_; }
  Timestamp started() const { return started_; }
  /// When a client used the API, or a kernel was active, last.
  Timestamp last_activity() const;

 private:
  Task<Result<HttpResponse>> get_version(HttpRequest request);
  Task<Result<HttpResponse>> get_status(HttpRequest request);
  Task<Result<HttpResponse>> get_me(HttpRequest request);
  Task<Result<HttpResponse>> update_me(HttpRequest request);
  Task<Result<HttpResponse>> report_content_policy(HttpRequest request);

  nlohmann::ordered_json identity_of(const User& user) const;

  MultiKernelManager& kernels_;
  std::map<std::string, std::optional<std::string>> colors_;  // That users have chosen, by username.
  std::string version_;
  Timestamp started_ = Timestamp::clock::now();
  Timestamp last_activity_ = started_;
};

}  // namespace nextgen_kernels
