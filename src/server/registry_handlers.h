#pragma once

#include <functional>
#include <string>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "kernels/multi_kernel_manager.h"
#include "runtime/blocking_pool.h"
#include "server/router.h"

namespace nextgen_kernels {

/// What is told of provisioners and the kernel clients that serve them. Called on threads of the pool, for
/// several requests at a time.
struct RegistryModels {
  using Json = nlohmann::ordered_json;

  std::function<Json()> registry = [] { return Json::object(); };
  /// Why kernels of a provisioner get the client that they get: `provisioner` is a name or a class reference,
  /// `kernel_name` a kernel spec's or empty.
  std::function<Result<Json>(const std::string& provisioner, const std::string& kernel_name)> explain =
      [](const std::string&, const std::string&) { return Json::object(); };
  std::function<Json()> doctor = [] { return Json::object(); };
};

/// `/api/nextgen/registry` and the paths under it. Owned by the server.
class RegistryHandlers {
 public:
  RegistryHandlers(RegistryModels models, const MultiKernelManager& kernels, BlockingPool& pool)
      : models_(std::move(models)), kernels_(kernels), pool_(pool) {}

  void add_routes(Router& router);

 private:
  Task<Result<HttpResponse>> get_registry(HttpRequest request);
  Task<Result<HttpResponse>> explain(HttpRequest request);
  Task<Result<HttpResponse>> get_doctor(HttpRequest request);

  RegistryModels models_;
  const MultiKernelManager& kernels_;
  BlockingPool& pool_;
};

}  // namespace nextgen_kernels
