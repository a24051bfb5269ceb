#include "server/status_handlers.h"

#include <algorithm>

#include "base/log.h"

namespace nextgen_kernels {
namespace {

/// The permissions that a client asks about, all granted: who has the token may do everything. Nothing when
/// the question is malformed.
std::optional<nlohmann::ordered_json> grant_permissions(std::string_view question) {
  auto granted = nlohmann::ordered_json::object();
  if (question.empty()) return granted;
  auto asked = nlohmann::ordered_json::parse(question, nullptr, false);
  if (!asked.is_object()) return std::nullopt;
  for (const auto& [resource, actions] : asked.items()) {
    const auto is_string = [](const auto& action) { return action.is_string(); };
    if (!actions.is_array() || !std::ranges::all_of(actions, is_string)) return std::nullopt;
    granted[resource] = actions;
  }
  return granted;
}

}  // namespace

StatusHandlers::StatusHandlers(MultiKernelManager& kernels, std::string version)
    : kernels_(kernels), version_(std::move(version)) {}

void StatusHandlers::add_routes(Router& router) {
  using enum http::verb;
  router.add(get, "/api", [this](HttpRequest request) { return get_version(std::move(request)); });
  router.add(get, "/api/status", [this](HttpRequest request) { return get_status(std::move(request)); });
  router.add(get, "/api/me", [this](HttpRequest request) { return get_me(std::move(request)); });
  router.add(post, "/api/security/csp-report",
             [this](HttpRequest request) { return report_content_policy(std::move(request)); });
}

Task<Result<HttpResponse>> StatusHandlers::get_version(HttpRequest) {
  co_return json_response(http::status::ok, {{"version", version_}});
}

Timestamp StatusHandlers::last_activity() const {
  auto last = last_activity_;
  for (const auto& kernel : kernels_.list_kernels()) last = std::max(last, kernel->last_activity());
  return last;
}

Task<Result<HttpResponse>> StatusHandlers::get_status(HttpRequest) {
  int connections = 0;
  const auto kernels = kernels_.list_kernels();
  for (const auto& kernel : kernels) connections += kernel->connections();
  co_return json_response(http::status::ok, {{"connections", connections},
                                             {"kernels", kernels.size()},
                                             {"last_activity", format_timestamp(last_activity())},
                                             {"started", format_timestamp(started_)}});
}

Task<Result<HttpResponse>> StatusHandlers::get_me(HttpRequest request) {
  auto permissions = grant_permissions(request.query_value("permissions").value_or(""));
  if (!permissions) {
    co_return make_error(ErrorCode::invalid_argument,
                         R"(permissions should be a JSON dict of {{"resource": ["action",]}})");
  }
  (*permissions)["updatable_fields"] = nlohmann::ordered_json::array();
  const nlohmann::ordered_json identity = {{"username", "user"},     {"name", "User"},
                                           {"display_name", "User"}, {"initials", "U"},
                                           {"avatar_url", nullptr},  {"color", nullptr}};
  co_return json_response(http::status::ok, {{"identity", identity}, {"permissions", *permissions}});
}

// Where our Content-Security-Policy, which clients expect word for word, has browsers send what they blocked.
Task<Result<HttpResponse>> StatusHandlers::report_content_policy(HttpRequest request) {
  log_debug("A browser reported a violation of the content security policy ({} bytes)", request.body.size());
  co_return empty_response(http::status::no_content);
}

}  // namespace nextgen_kernels
