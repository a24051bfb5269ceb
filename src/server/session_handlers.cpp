#include "server/session_handlers.h"

#include "kernelspecs/kernel_advice.h"
#include "server/kernel_handlers.h"
#include "server/session_body.h"

namespace nextgen_kernels {
namespace {

HttpResponse kernel_start_error(std::string_view message, std::string_view short_message) {
  return json_response(
      http::status::not_implemented,
      {{"message", message}, {"short_message", short_message}, {"reason", short_message}, {"traceback", ""}});
}

HttpResponse update_error(const SessionError& failure) {
  if (!failure.kernel_start) return error_response(failure.error);
  const auto& name = failure.kernel_start->kernel_name;
  return kernel_start_error(
      fmt::format("The '{}' kernel could not be started: {}", name, failure.error.message),
      fmt::format("Error starting kernel {}", name));
}

/// Of a kernel that ended after its session was looked up. Clients insist on a complete model.
nlohmann::ordered_json ended_kernel_model(const std::string& kernel_id) {
  return {{"id", kernel_id},
          {"name", ""},
          {"last_activity", format_timestamp(Timestamp::clock::now())},
          {"execution_state", to_string(ExecutionState::dead)},
          {"connections", 0}};
}

}  // namespace

nlohmann::ordered_json SessionHandlers::session_model(const Session& session) const {
  nlohmann::ordered_json model = {
      {"id", session.id}, {"path", session.path}, {"name", session.name}, {"type", session.type}};
  const auto kernel = kernels_.find_kernel(session.kernel_id);
  model["kernel"] = kernel == nullptr ? ended_kernel_model(session.kernel_id) : kernel_model(*kernel);
  if (session.type == "notebook") model["notebook"] = {{"path", session.path}, {"name", session.name}};
  return model;
}

/// After a look at them.
nlohmann::ordered_json SessionHandlers::model_with_resources(const Session& session) const {
  auto model = session_model(session);
  if (const auto kernel = kernels_.find_kernel(session.kernel_id))
    if (auto usage = resources_.usage_of(*kernel)) model["kernel"]["resources"] = std::move(*usage);
  return model;
}

void SessionHandlers::add_routes(Router& router) {
  using enum http::verb;
  router.add(get, "/api/sessions", [this](HttpRequest request) { return list(std::move(request)); });
  router.add(post, "/api/sessions", [this](HttpRequest request) { return create(std::move(request)); });
  router.add(get, "/api/sessions/{session_id}",
             [this](HttpRequest request) { return this->get(std::move(request)); });
  router.add(patch, "/api/sessions/{session_id}",
             [this](HttpRequest request) { return update(std::move(request)); });
  router.add(delete_, "/api/sessions/{session_id}",
             [this](HttpRequest request) { return remove(std::move(request)); });
}

Task<Result<HttpResponse>> SessionHandlers::list(HttpRequest request) {
  co_await resources_.refresh();
  auto models = nlohmann::ordered_json::array();
  for (const auto& session : sessions_.list_sessions())
    if (request.user->has_kernels_of(session.username)) models.push_back(model_with_resources(session));
  co_return json_response(http::status::ok, models);
}

Task<Result<HttpResponse>> SessionHandlers::create(HttpRequest request) {
  auto fields = parse_session_body(request);
  if (!fields) co_return std::unexpected(fields.error());
  if (!fields->path) co_return make_error(ErrorCode::invalid_argument, "Missing field in JSON data: path");
  if (!fields->type) co_return make_error(ErrorCode::invalid_argument, "Missing field in JSON data: type");

  const auto session = co_await sessions_.create_session({.path = std::move(*fields->path),
                                                          .name = fields->name.value_or(""),
                                                          .type = std::move(*fields->type),
                                                          .kernel_id = std::move(fields->kernel_id),
                                                          .kernel_name = std::move(fields->kernel_name),
                                                          .user = request.user});
  if (!session) co_return co_await creation_error(session.error());
  auto response = json_response(http::status::created, session_model(*session));
  response.headers.set(http::field::location, base_url_ + "api/sessions/" + session->id);
  co_return response;
}

/// Upstream's answers to a session whose kernel does not start: a status of their own, and two texts. Where
/// there is no other kernel to pick, it also says how to get one.
Task<HttpResponse> SessionHandlers::creation_error(SessionError failure) {
  if (!failure.kernel_start || failure.error.code != ErrorCode::not_found)
    co_return error_response(failure.error);
  const auto& name = failure.kernel_start->kernel_name;
  auto message = fmt::format(
      "The '{}' kernel is not available. Please pick another suitable kernel instead, or install that "
      "kernel.",
      name);
  const auto advice =
      co_await pool_.run([&specs = kernels_.kernel_specs()] { return advise_without_kernels(specs); });
  if (advice) message += " " + advice->to_line();
  co_return kernel_start_error(message, fmt::format("{} not found", name));
}

Task<Result<HttpResponse>> SessionHandlers::get(HttpRequest request) {
  co_await resources_.refresh();
  const auto session = sessions_.get_session(request.parameter("session_id"));
  if (!session) co_return std::unexpected(session.error());
  co_return json_response(http::status::ok, model_with_resources(*session));
}

Task<Result<HttpResponse>> SessionHandlers::update(HttpRequest request) {
  auto changes = parse_session_body(request);
  if (!changes) co_return std::unexpected(changes.error());
  changes->user = request.user;
  const auto session =
      co_await sessions_.update_session(request.parameter("session_id"), std::move(*changes));
  if (!session) co_return update_error(session.error());
  co_return json_response(http::status::ok, session_model(*session));
}

Task<Result<HttpResponse>> SessionHandlers::remove(HttpRequest request) {
  const auto ended = co_await sessions_.delete_session(request.parameter("session_id"));
  if (ended) co_return empty_response(http::status::no_content);
  if (ended.error().code == ErrorCode::unavailable)
    co_return error_response(http::status::gone, ended.error().message);
  co_return std::unexpected(ended.error());
}

}  // namespace nextgen_kernels
