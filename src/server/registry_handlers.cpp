#include "server/registry_handlers.h"

#include <utility>

namespace nextgen_kernels {

void RegistryHandlers::add_routes(Router& router) {
  using enum http::verb;
  router.add(get, "/api/nextgen/registry",
             [this](HttpRequest request) { return get_registry(std::move(request)); });
  router.add(get, "/api/nextgen/registry/explain",
             [this](HttpRequest request) { return explain(std::move(request)); });
  router.add(get, "/api/nextgen/registry/doctor",
             [this](HttpRequest request) { return get_doctor(std::move(request)); });
}

Task<Result<HttpResponse>> RegistryHandlers::get_registry(HttpRequest) {
  co_return json_response(http::status::ok, co_await pool_.run([this] { return models_.registry(); }));
}

Task<Result<HttpResponse>> RegistryHandlers::explain(HttpRequest request) {
  const auto provisioner = request.query_value("provisioner");
  if (!provisioner)
    co_return make_error(ErrorCode::invalid_argument,
                         "Which provisioner? Ask with ?provisioner=NAME or ?provisioner=module:Class");
  const auto model =
      co_await pool_.run([this, name = std::string(*provisioner),
                          kernel_name = std::string(request.query_value("kernel_name").value_or(""))] {
        return models_.explain(name, kernel_name);
      });
  if (!model) co_return std::unexpected(model.error());
  co_return json_response(http::status::ok, *model);
}

Task<Result<HttpResponse>> RegistryHandlers::get_doctor(HttpRequest) {
  co_return json_response(http::status::ok, co_await pool_.run([this] { return models_.doctor(); }));
}

}  // namespace nextgen_kernels
