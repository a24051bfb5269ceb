#include "server/status_handlers.h"

#include <algorithm>

#include "base/log.h"
#include "base/strings.h"
#include "server/json_fields.h"

namespace nextgen_kernels {
namespace {

// What JupyterLab lets a person choose.
constexpr std::string_view updatable_field = "color";
constexpr std::size_t longest_color = 255;

/// The permissions that a client asks about and the user has. Nothing when the question is malformed.
std::optional<nlohmann::ordered_json> grant_permissions(std::string_view question, const User& user) {
  auto granted = nlohmann::ordered_json::object();
  if (question.empty()) return granted;
  auto asked = nlohmann::ordered_json::parse(question, nullptr, false);
  if (!asked.is_object()) return std::nullopt;
  for (const auto& [resource, actions] : asked.items()) {
    const auto is_string = [](const auto& action) { return action.is_string(); };
    if (!actions.is_array() || !std::ranges::all_of(actions, is_string)) return std::nullopt;
    granted[resource] = nlohmann::ordered_json::array();
    for (const auto& action : actions)
      if (!user.read_only || action == "read") granted[resource].push_back(action);
  }
  return granted;
}

/// The first letters of the first and the last word.
std::string initials_of(std::string_view name) {
  const auto words = split(trim(name), ' ');
  const auto first_letter = [](std::string_view word) {
    std::size_t length = word.empty() ? 0 : 1;
    while (length < word.size() && (static_cast<unsigned char>(word[length]) & 0xC0U) == 0x80U) ++length;
    return std::string(word.substr(0, length));
  };
  auto initials = first_letter(words.front());
  if (words.size() > 1) initials += first_letter(words.back());
  return initials;
}

}  // namespace

StatusHandlers::StatusHandlers(MultiKernelManager& kernels, std::string version)
    : kernels_(kernels), version_(std::move(version)) {}

void StatusHandlers::add_routes(Router& router) {
  using enum http::verb;
  router.add(get, "/api", [this](HttpRequest request) { return get_version(std::move(request)); });
  router.add(get, "/api/status", [this](HttpRequest request) { return get_status(std::move(request)); });
  router.add(get, "/api/me", [this](HttpRequest request) { return get_me(std::move(request)); });
  router.add(patch, "/api/me", [this](HttpRequest request) { return update_me(std::move(request)); });
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

Task<Result<HttpResponse>> StatusHandlers::get_status(HttpRequest request) {
  int connections = 0;
  std::size_t kernels = 0;
  auto last = last_activity_;
  for (const auto& kernel : kernels_.list_kernels()) {
    if (!request.user->has_kernels_of(kernel->username())) continue;
    ++kernels;
    connections += kernel->connections();
    last = std::max(last, kernel->last_activity());
  }
  co_return json_response(http::status::ok, {{"connections", connections},
                                             {"kernels", kernels},
                                             {"last_activity", format_timestamp(last)},
                                             {"started", format_timestamp(started_)}});
}

nlohmann::ordered_json StatusHandlers::identity_of(const User& user) const {
  const auto username = user.username.empty() ? "user" : user.username;
  const auto name = !user.display_name.empty() ? user.display_name
                    : user.username.empty()    ? "User"
                                               : username;
  const auto color = colors_.find(user.username);
  const bool has_color = color != colors_.end() && color->second;
  return {{"username", username},
          {"name", name},
          {"display_name", name},
          {"initials", initials_of(name)},
          {"avatar_url", nullptr},
          {"color", has_color ? nlohmann::ordered_json(*color->second) : nlohmann::ordered_json()}};
}

Task<Result<HttpResponse>> StatusHandlers::get_me(HttpRequest request) {
  auto permissions = grant_permissions(request.query_value("permissions").value_or(""), *request.user);
  if (!permissions) {
    co_return make_error(ErrorCode::invalid_argument,
                         R"(permissions should be a JSON dict of {{"resource": ["action",]}})");
  }
  (*permissions)["updatable_fields"] = nlohmann::ordered_json::array({updatable_field});
  co_return json_response(http::status::ok,
                          {{"identity", identity_of(*request.user)}, {"permissions", *permissions}});
}

Task<Result<HttpResponse>> StatusHandlers::update_me(HttpRequest request) {
  const auto body = parse_json_body(request);
  if (!body) co_return std::unexpected(body.error());
  if (!*body || (*body)->empty()) co_return make_error(ErrorCode::invalid_argument, "No JSON data provided");
  for (const auto& [name, value] : (*body)->items()) {
    if (name != updatable_field) {
      co_return make_error(ErrorCode::invalid_argument, "Field '{}' cannot be changed, only '{}'",
                           printable(name.substr(0, 64)), updatable_field);
    }
  }
  const auto color = string_field(**body, std::string(updatable_field));
  if (!color) co_return std::unexpected(color.error());
  if (*color && (*color)->size() > longest_color)
    co_return make_error(ErrorCode::invalid_argument, "Field 'color' must have at most {} bytes",
                         longest_color);
  colors_[request.user->username] = *color;
  co_return json_response(http::status::ok,
                          {{"status", "success"}, {"identity", identity_of(*request.user)}});
}

// Where our Content-Security-Policy, which clients expect word for word, has browsers send what they blocked.
Task<Result<HttpResponse>> StatusHandlers::report_content_policy(HttpRequest request) {
  log_debug("A browser reported a violation of the content security policy ({} bytes)", request.body.size());
  co_return empty_response(http::status::no_content);
}

}  // namespace nextgen_kernels
