#include "server/server.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <variant>
#include <vector>

#include <boost/asio/experimental/awaitable_operators.hpp>

#include "base/log.h"
#include "base/strings.h"
#include "runtime/blocking_pool.h"
#include "runtime/loop_watchdog.h"
#include "server/authenticator.h"
#include "server/client_address.h"
#include "server/event_handlers.h"
#include "server/execute_handlers.h"
#include "server/journal_handlers.h"
#include "server/kernel_events.h"
#include "server/kernel_handlers.h"
#include "server/kernel_spec_handlers.h"
#include "server/kernel_websocket_handlers.h"
#include "server/login_handlers.h"
#include "server/metrics_handlers.h"
#include "server/page_handlers.h"
#include "server/password.h"
#include "server/refusal_log.h"
#include "server/resource_monitor.h"
#include "server/session_handlers.h"
#include "server/session_manager.h"
#include "server/shutdown_handlers.h"
#include "server/status_handlers.h"

namespace nextgen_kernels {
namespace {

using Segments = std::vector<std::string>;

// Looking at kernel spec files; one thread may be held by an interpreter that is asked for ipykernel.
constexpr BlockingPool::Limits blocking_limits{.threads = 8, .running_of_user = 2};

// What is read of a request of which it is not known yet whose it is.
constexpr std::uint64_t strangers_body_bytes = std::uint64_t{64} * 1024;

bool is_safe(http::verb method) {
  return method == http::verb::get || method == http::verb::head;
}

/// Whether a person looks at the answer.
bool is_browser_navigation(const HttpRequest& request) {
  return is_safe(request.method) && request.header("Accept").find("text/html") != std::string_view::npos;
}

std::string encode_query(const HttpRequest& request) {
  std::string text;
  for (const auto& [name, value] : request.query) {
    text += text.empty() ? '?' : '&';
    text += percent_encode(name) + '=' + percent_encode(value);
  }
  return text;
}

Result<Segments> parse_base_url(std::string_view base_url) {
  HttpRequest request;
  if (!base_url.starts_with('/') || !base_url.ends_with('/') ||
      base_url.find('?') != std::string_view::npos || !parse_target(base_url, request)) {
    return make_error(ErrorCode::invalid_argument,
                      "base_url '{}' is not a path that starts and ends with '/'", base_url);
  }
  auto segments = std::move(request.segments);
  if (!segments.empty()) segments.pop_back();
  if (std::ranges::find(segments, "") != segments.end())
    return make_error(ErrorCode::invalid_argument, "base_url '{}' has an empty piece", base_url);
  return segments;
}

std::vector<User> users_of(const ServerSettings& settings) {
  auto users = settings.users;
  if (!settings.token.empty() || !settings.hashed_password.empty()) {
    users.push_back({.username = {},
                     .display_name = {},
                     .token = settings.token,
                     .hashed_password = settings.hashed_password,
                     .all_kernels = true});
  }
  return users;
}

std::string fill_in_base_url(std::string text, const std::string& base_url) {
  constexpr std::string_view placeholder = "{base_url}";
  if (const auto at = text.find(placeholder); at != std::string::npos)
    text.replace(at, placeholder.size(), base_url);
  return text;
}

}  // namespace

/// What the server does with a request, and everything it is made of.
class Server::Service final : public HttpService {
 public:
  Service(Executor executor, MultiKernelManager& kernels, KernelSpecManager& specs, ServerSettings settings,
          OriginPolicy origins, Segments base, std::optional<TlsCertificate> certificate)
      : kernels_(kernels),
        settings_(std::move(settings)),
        base_(std::move(base)),
        origins_(std::move(origins)),
        authenticator_(users_of(settings_),
                       {.secure_cookie = settings_.secure_cookie,
                        .cookie_options = settings_.cookie_options,
                        .cross_site_cookies = settings_.origins.lets_sites_send_cookies(),
                        .base_url = settings_.base_url,
                        .wait_after_failure = settings_.wait_after_failed_login,
                        .check_xsrf = !settings_.disable_check_xsrf}),
        pool_(blocking_limits),
        sessions_(executor, kernels, settings_.sessions),
        resources_(executor, kernels, pool_),
        status_handlers_(kernels, settings_.version),
        websocket_seats_(settings_.websockets.most_sockets),
        event_handlers_(executor, events_, kernels, resources_, origins_, websocket_seats_,
                        {.ping_interval = settings_.websockets.ping_interval,
                         .close_timeout = settings_.websockets.close_timeout}),
        metrics_handlers_(
            executor, kernels, status_handlers_, resources_, pool_,
            {.event_listeners = [this] { return event_handlers_.listeners(); },
             .executions =
                 [this](const std::string& kernel_id) { return execute_handlers_.executions(kernel_id); },
             .loop_stalls = settings_.loop_stalls}),
        registry_handlers_(settings_.registry_models, kernels, pool_),
        kernel_handlers_(kernels, resources_, pool_, settings_.kernel_environment, settings_.base_url),
        kernel_spec_handlers_(specs, pool_, kernels.default_kernel_name(), settings_.base_url),
        session_handlers_(sessions_, kernels, resources_, pool_, settings_.base_url),
        execute_handlers_(
            executor, kernels, pool_,
            {.base_url = settings_.base_url, .may_execute = settings_.websockets.allows("execute_request")}),
        journal_handlers_(executor, kernels),
        websocket_handlers_(executor, kernels, origins_, websocket_seats_, settings_.websockets),
        page_handlers_(authenticator_),
        login_handlers_(authenticator_, passwords_, settings_.base_url),
        shutdown_handlers_(settings_.shutdown_requested),
        content_policy_(fill_in_base_url(settings_.content_security_policy, settings_.base_url)),
        http_(executor, *this, settings_.limits, std::move(certificate)) {
    status_handlers_.add_routes(router_);
    event_handlers_.add_routes(router_);
    metrics_handlers_.add_routes(router_);
    registry_handlers_.add_routes(router_);
    kernel_handlers_.add_routes(router_);
    kernel_spec_handlers_.add_routes(router_);
    session_handlers_.add_routes(router_);
    execute_handlers_.add_routes(router_);
    journal_handlers_.add_routes(router_);
    websocket_handlers_.add_routes(router_);
    page_handlers_.add_routes(router_);
    login_handlers_.add_routes(router_);
    if (settings_.shutdown_requested) shutdown_handlers_.add_routes(router_);
    // The kernels outlive the server, and keep the observer.
    kernels.observe([weak = std::weak_ptr(self_)](const KernelEvent& event) {
      if (const auto self = weak.lock()) (*self)->note_kernel_event(event);
    });
  }

  HttpServer& http() { return http_; }
  SessionManager& sessions() { return sessions_; }
  const Authenticator& authenticator() const { return authenticator_; }
  Timestamp last_activity() const { return status_handlers_.last_activity(); }

  Task<void> stop(std::chrono::steady_clock::duration grace) {
    using namespace asio::experimental::awaitable_operators;
    constexpr auto code = websocket_close::service_restart;
    const std::string reason = "The server is shutting down";
    co_await (websocket_handlers_.close_all(code, reason) && event_handlers_.close_all(code, reason) &&
              http_.stop(grace));
    // Those that were being upgraded meanwhile.
    co_await (websocket_handlers_.close_all(code, reason) && event_handlers_.close_all(code, reason));
  }

  std::optional<HttpResponse> screen(HttpRequest& request) override {
    if (settings_.trust_xheaders) {
      auto forwarded = read_forwarded_headers(request);
      if (forwarded.client) request.client = std::move(*forwarded.client);
      request.is_https = forwarded.is_https.value_or(request.is_https);
    }
    auto answer = check(request);
    if (!answer) return answer;
    decorate(request, *answer);
    metrics_handlers_.note_request(request.method, request.pattern, answer->status, {});
    return answer;
  }

  Task<HttpResponse> respond(HttpRequest request) override {
    // The parts of the request that the headers of the response depend on.
    const auto started = std::chrono::steady_clock::now();
    HttpRequest head;
    head.method = request.method;
    head.pattern = request.pattern;
    head.credential = request.credential;
    head.headers = request.headers;
    auto response = co_await call_handler(std::move(request));
    decorate(head, response);
    metrics_handlers_.note_request(head.method, head.pattern, response.status,
                                   std::chrono::steady_clock::now() - started);
    co_return response;
  }

 private:
  void note_kernel_event(const KernelEvent& event) {
    const auto kernel = kernels_.find_kernel(event.kernel_id);
    const auto owner = kernel == nullptr ? std::string() : kernel->username();
    emit_kernel_event(events_, event, event.username.value_or(owner));
    metrics_handlers_.note_kernel_event(event);
    const bool is_new = event.action == KernelAction::start || event.action == KernelAction::adopted;
    if (kernel != nullptr && is_new) tell_what_its_listeners_lose(*kernel);
  }

  /// The kernel's journal outlives the server, and keeps the observer.
  void tell_what_its_listeners_lose(KernelManager& kernel) {
    kernel.conversation()->journal().on_overrun =
        [weak = std::weak_ptr(self_), kernel_id = kernel.kernel_id(), kernel_name = kernel.kernel_spec().name,
         owner = kernel.username()](const Journal::Overrun& overrun) {
          if (const auto self = weak.lock())
            emit_messages_lost((*self)->events_, kernel_id, kernel_name, overrun.lost, owner);
        };
  }

  /// The answer when the request is refused, or can be answered by its head alone.
  std::optional<HttpResponse> check(HttpRequest& request) {
    auto outcome = find_route(request);
    if (const auto* match = std::get_if<Router::Match>(&outcome)) {
      request.pattern = match->pattern;
      request.body_limit = match->options.body_limit;
      request.waits = match->options.waits;
    }
    const auto hosts = request.headers.count(http::field::host);
    if (hosts > 1 || (hosts == 0 && request.version >= 11))
      return error_response(http::status::bad_request, "A request needs one Host header");
    if (const auto allowed = origins_.check_host(request); !allowed) return refuse(request, allowed.error());

    authenticator_.authenticate(request);
    if (request.credential == Credential::none)
      request.body_limit = std::min(request.body_limit, strangers_body_bytes);
    if (request.method == http::verb::options) return answer_options(request, outcome);
    if (request.credential == Credential::none && !is_open(request)) return refuse_stranger(request);
    if (auto refused = check_site(request)) return refused;
    if (auto answer = check_route(request, std::move(outcome))) return answer;
    return check_permission(request);
  }

  /// Whether strangers may ask for it.
  bool is_open(const HttpRequest& request) const {
    if (request.pattern == "/login" || request.pattern == "/logout") return true;
    // Programs look there for whether there is a Jupyter server, as upstream lets them.
    if (request.pattern == "/api") return is_safe(request.method);
    return !settings_.authenticate_prometheus && is_safe(request.method) && request.pattern == "/metrics";
  }

  std::optional<HttpResponse> refuse(const HttpRequest& request, const Error& error) {
    refusals_.note(request, error.message);
    return error_response(error);
  }

  HttpResponse refuse_stranger(const HttpRequest& request) const {
    log_debug("{} {}: no valid token", request.method_name, request.path);
    if (is_browser_navigation(request)) return login_handlers_.redirect_to_login(request);
    return error_response(http::status::forbidden, "Forbidden");
  }

  std::optional<HttpResponse> check_site(const HttpRequest& request) {
    if (is_safe(request.method)) {
      if (request.header_lists("Upgrade", "websocket")) return std::nullopt;  // Checked by the handler.
      const auto allowed = origins_.check_origin(request);
      if (allowed) return std::nullopt;
      // As upstream: a foreign page does not learn what there is.
      refusals_.note(request, allowed.error().message);
      return error_response(http::status::not_found, allowed.error().message);
    }
    if (const auto allowed = origins_.check_origin(request); !allowed) {
      refusals_.note(request, allowed.error().message);
      return error_response(http::status::not_found, allowed.error().message);
    }
    // The form of the login page is looked at by its handler.
    if (request.pattern == "/login" || authenticator_.shows_xsrf_token(request)) return std::nullopt;
    if (const auto allowed = origins_.check_same_site(request); !allowed)
      return refuse(request, allowed.error());
    return std::nullopt;
  }

  /// What this user may not do, or not see.
  std::optional<HttpResponse> check_permission(const HttpRequest& request) const {
    if (is_open(request)) return std::nullopt;
    const auto* user = request.user.get();
    if (user->read_only && !is_safe(request.method)) {
      return error_response(http::status::forbidden,
                            "You may look, but not change anything: your token is read-only");
    }
    if (user->all_kernels) return std::nullopt;
    if (request.pattern == "/metrics") {
      return error_response(http::status::forbidden,
                            "The metrics tell of all kernels, and you may see your own only");
    }
    // As if it were not there: ids of others are nobody's business.
    auto kernel_id = request.parameters.find("kernel_id");
    if (kernel_id != request.parameters.end()) {
      const auto kernel = kernels_.get_kernel(kernel_id->second);
      if (kernel && !user->has_kernels_of((*kernel)->username()))
        return error_response(MultiKernelManager::unknown_kernel(kernel_id->second));
    }
    const auto session_id = request.parameters.find("session_id");
    if (session_id != request.parameters.end() && !sessions_.is_visible(session_id->second, *user))
      return error_response(SessionManager::unknown_session(session_id->second));
    return std::nullopt;
  }

  /// The path's pieces below the base URL; nothing when it is elsewhere.
  std::optional<Segments> below_base(const Segments& segments) const {
    if (segments.size() < base_.size() || !std::equal(base_.begin(), base_.end(), segments.begin()))
      return std::nullopt;
    Segments rest(segments.begin() + static_cast<std::ptrdiff_t>(base_.size()), segments.end());
    if (rest == Segments{""}) rest.clear();
    return rest;
  }

  Router::Outcome find_route(const HttpRequest& request) const {
    const auto segments = below_base(request.segments);
    if (!segments) return Router::NoSuchPath{};
    return router_.find(request.method, *segments);
  }

  std::optional<HttpResponse> check_route(HttpRequest& request, Router::Outcome outcome) const {
    if (auto* match = std::get_if<Router::Match>(&outcome)) {
      request.parameters = std::move(match->parameters);
      if (!base_.empty() && request.segments == base_)
        return redirect_response(settings_.base_url + encode_query(request));
      return std::nullopt;
    }
    if (const auto* refused = std::get_if<Router::MethodNotAllowed>(&outcome)) {
      auto response =
          error_response(http::status::method_not_allowed,
                         fmt::format("{} is not possible here, but {}", request.method_name, refused->allow));
      response.headers.set(http::field::allow, refused->allow);
      return response;
    }
    if (auto redirected = redirect_trailing_slash(request)) return redirected;
    return error_response(http::status::not_found, fmt::format("Nothing is at {}", request.path));
  }

  std::optional<HttpResponse> redirect_trailing_slash(const HttpRequest& request) const {
    auto segments = below_base(request.segments);
    if (!is_safe(request.method) || !segments || segments->empty() || !segments->back().empty())
      return std::nullopt;
    segments->pop_back();
    if (!std::holds_alternative<Router::Match>(router_.find(request.method, *segments))) return std::nullopt;
    std::string path;
    for (const auto& segment : *segments) path += (path.empty() ? "" : "/") + percent_encode(segment);
    return redirect_response(settings_.base_url + path + encode_query(request));
  }

  std::optional<HttpResponse> answer_options(const HttpRequest& request,
                                             const Router::Outcome& outcome) const {
    auto response = empty_response(http::status::ok);
    if (const auto* found = std::get_if<Router::MethodNotAllowed>(&outcome))
      response.headers.set(http::field::allow, found->allow);
    origins_.add_preflight_headers(request, response);
    return response;
  }

  Task<HttpResponse> call_handler(HttpRequest request) {
    const auto outcome = find_route(request);
    const auto& match = std::get<Router::Match>(outcome);
    note_loop_activity(request.method_name, request.pattern);
    // What strangers ask for does not keep a server that nobody uses.
    if (request.credential != Credential::none && !request.query_value("no_track_activity") &&
        request.path != settings_.base_url + "api/status")
      status_handlers_.note_activity();
    auto response = co_await (*match.handler)(std::move(request));
    if (!response) co_return error_response(response.error());
    co_return std::move(*response);
  }

  void decorate(const HttpRequest& request, HttpResponse& response) const {
    if (response.upgrade) return;
    auto& headers = response.headers;
    headers.set("X-Content-Type-Options", "nosniff");
    if (headers.find("Content-Security-Policy") == headers.end())
      headers.set("Content-Security-Policy", content_policy_);
    if (headers.find(http::field::access_control_allow_origin) == headers.end())
      origins_.add_cors_headers(request, response);
  }

  const std::shared_ptr<Service*> self_ = std::make_shared<Service*>(this);
  MultiKernelManager& kernels_;
  ServerSettings settings_;
  Segments base_;
  OriginPolicy origins_;
  Authenticator authenticator_;
  BlockingPool pool_;
  BlockingPool passwords_{1};  // Takes long on purpose, and holds up nobody else.
  SessionManager sessions_;
  ResourceMonitor resources_;
  EventBus events_;
  StatusHandlers status_handlers_;
  Seats websocket_seats_;  // Of kernels' and of events'.
  EventHandlers event_handlers_;
  MetricsHandlers metrics_handlers_;
  RegistryHandlers registry_handlers_;
  KernelHandlers kernel_handlers_;
  KernelSpecHandlers kernel_spec_handlers_;
  SessionHandlers session_handlers_;
  ExecuteHandlers execute_handlers_;
  JournalHandlers journal_handlers_;
  KernelWebSocketHandlers websocket_handlers_;
  PageHandlers page_handlers_;
  LoginHandlers login_handlers_;
  ShutdownHandlers shutdown_handlers_;
  Router router_;
  std::string content_policy_;
  RefusalLog refusals_;
  HttpServer http_;
};

Result<std::unique_ptr<Server>> Server::make(Executor executor, MultiKernelManager& kernels,
                                             KernelSpecManager& specs, ServerSettings settings) {
  auto base = parse_base_url(settings.base_url);
  if (!base) return std::unexpected(base.error());
  if (!settings.hashed_password.empty()) {
    if (auto right = check_password_hash(settings.hashed_password); !right)
      return make_error(ErrorCode::invalid_argument, "IdentityProvider.hashed_password: {}",
                        right.error().message);
  }
  auto origins = OriginPolicy::make(settings.origins);
  if (!origins) return std::unexpected(origins.error());
  std::optional<TlsCertificate> certificate;
  if (settings.tls) {
    auto loaded = TlsCertificate::load(*settings.tls);
    if (!loaded) return std::unexpected(loaded.error());
    certificate = std::move(*loaded);
  }
  return std::unique_ptr<Server>(
      new Server(std::make_unique<Service>(std::move(executor), kernels, specs, std::move(settings),
                                           std::move(*origins), std::move(*base), std::move(certificate))));
}

Server::Server(std::unique_ptr<Service> service) : service_(std::move(service)) {}

Server::~Server() = default;

Result<std::uint16_t> Server::bind(const std::string& ip, std::uint16_t port) {
  return service_->http().bind(ip, port);
}

Result<void> Server::bind_unix(const std::filesystem::path& path, std::filesystem::perms permissions) {
  return service_->http().bind_unix(path, permissions);
}

void Server::restore_sessions(const std::vector<Session>& sessions) {
  service_->sessions().restore_sessions(sessions);
}

void Server::run() {
  if (!service_->authenticator().requires_credentials())
    log_warning("There is no token: everybody who can reach this server can run code as this user");
  service_->http().run();
}

Timestamp Server::last_activity() const {
  return service_->last_activity();
}

Task<void> Server::stop(std::chrono::steady_clock::duration grace) {
  co_await service_->stop(grace);
}

}  // namespace nextgen_kernels
