#include "server/registry_handlers.h"

#include <utility>

#include "server/user.h"

namespace nextgen_kernels {

namespace {

/// Only a running server knows of it.
nlohmann::ordered_json overrun_problem(const KernelManager& kernel, const JournalStatistics& statistics) {
  return {{"subject", "kernel " + kernel.kernel_id()},
          {"source", "its journal"},
          {"message",
           fmt::format("listeners to this kernel ({}) lost {} messages, in {} place{}: they read too slowly "
                       "for what is kept (KernelJournal.memory_limit_bytes, spill_limit_bytes)",
                       kernel.kernel_spec().name, statistics.lost_messages, statistics.overruns,
                       statistics.overruns == 1 ? "" : "s")}};
}

}  // namespace

void RegistryHandlers::add_routes(Router& router) {
  using enum http::verb;
  router.add(get, "/api/nextgen/registry",
             [this](HttpRequest request) { return get_registry(std::move(request)); });
  router.add(get, "/api/nextgen/registry/explain",
             [this](HttpRequest request) { return explain(std::move(request)); });
  router.add(get, "/api/nextgen/registry/doctor",
             [this](HttpRequest request) { return get_doctor(std::move(request)); });
}

Task<Result<HttpResponse>> RegistryHandlers::get_registry(HttpRequest request) {
  auto model = co_await pool_.run_for(
      request.user->username, [this]() -> Result<nlohmann::ordered_json> { return models_.registry(); });
  if (!model) co_return std::unexpected(model.error());
  co_return json_response(http::status::ok, *model);
}

Task<Result<HttpResponse>> RegistryHandlers::explain(HttpRequest request) {
  const auto provisioner = request.query_value("provisioner");
  if (!provisioner)
    co_return make_error(ErrorCode::invalid_argument,
                         "Which provisioner? Ask with ?provisioner=NAME or ?provisioner=module:Class");
  const auto model = co_await pool_.run_for(
      request.user->username, [this, name = std::string(*provisioner),
                               kernel_name = std::string(request.query_value("kernel_name").value_or(""))] {
        return models_.explain(name, kernel_name);
      });
  if (!model) co_return std::unexpected(model.error());
  co_return json_response(http::status::ok, *model);
}

Task<Result<HttpResponse>> RegistryHandlers::get_doctor(HttpRequest request) {
  auto made = co_await pool_.run_for(request.user->username,
                                     [this]() -> Result<nlohmann::ordered_json> { return models_.doctor(); });
  if (!made) co_return std::unexpected(made.error());
  auto& model = *made;
  for (const auto& kernel : kernels_.list_kernels()) {
    const auto statistics = kernel->conversation()->journal().statistics();
    if (statistics.overruns == 0 || !request.user->has_kernels_of(kernel->username())) continue;
    model["problems"].push_back(overrun_problem(*kernel, statistics));
  }
  co_return json_response(http::status::ok, model);
}

}  // namespace nextgen_kernels
