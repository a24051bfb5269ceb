#include "server/kernel_handlers.h"

#include <set>

#include <fmt/ranges.h>

#include "base/strings.h"
#include "kernelspecs/kernel_advice.h"
#include "server/json_fields.h"
#include "server/kernel_environment.h"
#include "server/user.h"

namespace nextgen_kernels {

nlohmann::ordered_json kernel_model(const KernelManager& kernel) {
  nlohmann::ordered_json model = {
      {"id", kernel.kernel_id()},
      {"name", kernel.kernel_spec().name},
      {"last_activity", format_timestamp(kernel.last_activity())},
      {"execution_state", to_string(kernel.execution_state())},
      {"connections", kernel.connections()},
  };
  if (const auto document = kernel.document(); !document.empty()) model["document"] = document;
  if (!kernel.reason().empty()) model["reason"] = kernel.reason();
  if (const auto since = kernel.silent_since()) model["unresponsive_since"] = format_timestamp(*since);
  model["provisioner"] = kernel.provisioner_class();
  model["provisioner_info"] = kernel.provisioner_info();
  model["client"] = kernel.client_selection().client_class;
  model["matched_by"] = kernel.client_selection().matched_by;
  model["restart_count"] = kernel.restart_count();
  return model;
}

http::status status_of_failed_interrupt(ErrorCode error) {
  return error == ErrorCode::unavailable ? http::status::conflict : http::status::internal_server_error;
}

void KernelHandlers::add_routes(Router& router) {
  using enum http::verb;
  router.add(get, "/api/kernels", [this](HttpRequest request) { return list(std::move(request)); });
  router.add(post, "/api/kernels", [this](HttpRequest request) { return start(std::move(request)); });
  router.add(get, "/api/kernels/{kernel_id}",
             [this](HttpRequest request) { return this->get(std::move(request)); });
  router.add(delete_, "/api/kernels/{kernel_id}",
             [this](HttpRequest request) { return shut_down(std::move(request)); });
  router.add(post, "/api/kernels/{kernel_id}/interrupt",
             [this](HttpRequest request) { return interrupt(std::move(request)); });
  router.add(post, "/api/kernels/{kernel_id}/restart",
             [this](HttpRequest request) { return restart(std::move(request)); });
}

nlohmann::ordered_json KernelHandlers::model_with_resources(const KernelManager& kernel) const {
  auto model = kernel_model(kernel);
  if (auto usage = resources_.usage_of(kernel)) model["resources"] = std::move(*usage);
  return model;
}

Task<Result<HttpResponse>> KernelHandlers::list(HttpRequest request) {
  co_await resources_.refresh();
  auto models = nlohmann::ordered_json::array();
  for (const auto& kernel : kernels_.list_kernels())
    if (request.user->has_kernels_of(kernel->username())) models.push_back(model_with_resources(*kernel));
  co_return json_response(http::status::ok, models);
}

Result<StartKernelRequest> KernelHandlers::read_start_request(const HttpRequest& request) const {
  auto body = parse_json_body(request);
  if (!body) return std::unexpected(body.error());
  StartKernelRequest start;
  const auto& username = request.user->username;
  if (!username.empty()) start.environment["KERNEL_USERNAME"] = username;
  if (!*body) return start;
  auto name = string_field(**body, "name");
  if (!name) return std::unexpected(name.error());
  auto path = path_field(**body, "path");
  if (!path) return std::unexpected(path.error());
  auto kernel_id = string_field(**body, "kernel_id");
  if (!kernel_id) return std::unexpected(kernel_id.error());
  auto environment = environment_field(**body, environment_rules_);
  if (!environment) return std::unexpected(environment.error());
  start.kernel_name = std::move(*name);
  start.path = path->value_or("");
  if (*kernel_id && !(*kernel_id)->empty()) start.kernel_id = std::move(*kernel_id);
  if (const auto id = environment->find("KERNEL_ID"); id != environment->end()) {
    if (start.kernel_id.value_or(id->second) != id->second)
      return make_error(ErrorCode::invalid_argument, "Field 'kernel_id' and KERNEL_ID in 'env' differ");
    start.kernel_id = id->second;
  }
  start.environment.merge(*environment);  // Who asks is not for the client to say.
  return start;
}

HttpResponse KernelHandlers::created(const KernelManager& kernel) const {
  auto response = json_response(http::status::created, kernel_model(kernel));
  response.headers.set(http::field::location, base_url_ + "api/kernels/" + kernel.kernel_id());
  return response;
}

Task<Result<HttpResponse>> KernelHandlers::start(HttpRequest request) {
  auto start = read_start_request(request);
  if (!start) co_return std::unexpected(start.error());
  // Asking twice for one id gets one kernel, as upstream, unless it is another kernel than the one asked for.
  const auto same_name = [name = start->kernel_name, user = request.user](const KernelManager& existing) {
    return user->has_kernels_of(existing.username()) && (!name || *name == existing.kernel_spec().name);
  };
  if (start->kernel_id) {
    if (const auto existing = kernels_.find_kernel(*start->kernel_id);
        existing != nullptr && same_name(*existing))
      co_return created(*existing);
  }
  const auto kernel_id = start->kernel_id;
  const auto kernel = co_await kernels_.start_kernel(std::move(*start));
  if (kernel) co_return created(**kernel);
  if (kernel.error().code == ErrorCode::already_exists) {
    // Two clients, or one twice, at the same time.
    if (const auto existing = kernels_.find_kernel(kernel_id.value_or(""));
        existing != nullptr && same_name(*existing))
      co_return created(*existing);
  }
  if (kernel.error().code != ErrorCode::not_found) co_return std::unexpected(kernel.error());
  co_return std::unexpected(co_await name_kernel_specs(kernel.error()));
}

Task<Error> KernelHandlers::name_kernel_specs(Error unknown_spec) {
  const auto entries = co_await pool_.run([&specs = kernels_.kernel_specs()] { return specs.list(); });
  std::set<std::string> names;
  for (const auto& entry : entries) {
    if (entry.spec) names.insert(entry.name);
  }
  if (!names.empty()) {
    unknown_spec.message =
        fmt::format("{} There are: {}", as_sentence(unknown_spec.message), fmt::join(names, ", "));
  } else if (const auto advice = advise_without_kernels(entries, kernels_.kernel_specs().python_prefixes())) {
    unknown_spec.message = fmt::format("{} {}", as_sentence(unknown_spec.message), advice->to_line());
  }
  co_return unknown_spec;
}

Task<Result<HttpResponse>> KernelHandlers::get(HttpRequest request) {
  const auto kernel = kernels_.get_kernel(request.parameter("kernel_id"));
  if (!kernel) co_return std::unexpected(kernel.error());
  co_await resources_.refresh();
  co_return json_response(http::status::ok, model_with_resources(**kernel));
}

Task<Result<HttpResponse>> KernelHandlers::shut_down(HttpRequest request) {
  const auto ended = co_await kernels_.shutdown_kernel(request.parameter("kernel_id"));
  if (!ended) co_return std::unexpected(ended.error());
  co_return empty_response(http::status::no_content);
}

Task<Result<HttpResponse>> KernelHandlers::interrupt(HttpRequest request) {
  const auto kernel = kernels_.get_kernel(request.parameter("kernel_id"));
  if (!kernel) co_return std::unexpected(kernel.error());
  const auto interrupted = co_await (*kernel)->interrupt_kernel();
  if (!interrupted)
    co_return error_response(status_of_failed_interrupt(interrupted.error().code),
                             interrupted.error().message);
  co_return empty_response(http::status::no_content);
}

Task<Result<HttpResponse>> KernelHandlers::restart(HttpRequest request) {
  const auto kernel = kernels_.get_kernel(request.parameter("kernel_id"));
  if (!kernel) co_return std::unexpected(kernel.error());
  const auto restarted = co_await kernels_.restart_kernel((*kernel)->kernel_id());
  if (!restarted && restarted.error().code == ErrorCode::resource_limit)
    co_return std::unexpected(restarted.error());
  if (!restarted) {
    co_return error_response(http::status::internal_server_error,
                             "Exception restarting kernel: " + restarted.error().message);
  }
  co_return json_response(http::status::ok, kernel_model(**kernel));
}

}  // namespace nextgen_kernels
