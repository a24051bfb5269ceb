#include "server/login_handlers.h"

#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "server/web_assets.h"

namespace nextgen_kernels {
namespace {

// A page without scripts, which loads nothing: strangers get no other file.
constexpr std::string_view login_content_policy =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'";
constexpr std::uint64_t largest_form = std::uint64_t{64} * 1024;

std::string escape_html(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

void fill_in(std::string& page, std::string_view placeholder, std::string_view text) {
  const auto at = page.find(placeholder);
  if (at != std::string::npos) page.replace(at, placeholder.size(), text);
}

}  // namespace

void LoginHandlers::add_routes(Router& router) {
  using enum http::verb;
  router.add(get, "/login", [this](HttpRequest request) { return get_page(std::move(request)); });
  router.add(post, "/login", [this](HttpRequest request) { return log_in(std::move(request)); },
             {.body_limit = largest_form});
  router.add(get, "/logout", [this](HttpRequest request) { return log_out(std::move(request)); });
}

/// A path of this server to go on to; its root for everything else, such as another site.
std::string LoginHandlers::safe_next(std::string_view next) const {
  const bool is_ours =
      next.starts_with(base_url_) && !next.starts_with("//") && next.find('\\') == std::string_view::npos;
  const bool is_printable = std::ranges::all_of(next, [](char c) { return c > ' ' && c < 0x7f; });
  return is_ours && is_printable ? std::string(next) : base_url_;
}

HttpResponse LoginHandlers::redirect_to_login(const HttpRequest& request) const {
  return redirect_response(base_url_ + "login?next=" + percent_encode(request.path));
}

HttpResponse LoginHandlers::make_page(const HttpRequest& request, const std::string& next,
                                      std::string_view problem) const {
  HttpResponse response;
  const auto xsrf = authenticator_.xsrf_token(request);
  std::string page(find_web_asset("login.html")->content);
  fill_in(page, "{action}", escape_html(base_url_ + "login?next=" + percent_encode(next)));
  fill_in(page, "{problem}",
          problem.empty() ? "" : fmt::format(R"(<p class="problem">{}</p>)", escape_html(problem)));
  fill_in(page, "{username}",
          authenticator_.has_usernames()
              ? R"(<label>Username <input name="username" autocomplete="username" autofocus></label>)"
              : "");
  fill_in(page, "{secret}", authenticator_.has_passwords() ? "Password or token" : "Token");
  fill_in(page, "{xsrf}", xsrf);
  response.body = std::move(page);
  response.headers.set(http::field::content_type, "text/html; charset=utf-8");
  response.headers.set(http::field::set_cookie, authenticator_.make_xsrf_cookie(request, xsrf));
  response.headers.set(http::field::cache_control, "no-store");
  response.headers.set("Content-Security-Policy", login_content_policy);
  // The address of the page before may hold a token.
  response.headers.set("Referrer-Policy", "no-referrer");
  return response;
}

Task<Result<HttpResponse>> LoginHandlers::get_page(HttpRequest request) {
  const auto next = safe_next(request.query_value("next").value_or(base_url_));
  if (request.credential == Credential::not_required) co_return redirect_response(next);
  co_return make_page(request, next, "");
}

Task<Result<HttpResponse>> LoginHandlers::log_in(HttpRequest request) {
  const auto next = safe_next(request.query_value("next").value_or(base_url_));
  auto form = parse_form(request.body);
  // Otherwise another site could log a visitor in as somebody else.
  if (!authenticator_.shows_xsrf_token(request, form["_xsrf"])) {
    auto page = make_page(request, next, "The form was not up to date. Try again.");
    page.status = http::status::forbidden;
    co_return page;
  }
  const auto user =
      co_await authenticator_.log_in(form["username"], form["password"], request.client, &pool_);
  if (!user || *user == nullptr) {
    auto page = make_page(request, next, user ? "That is not right." : as_sentence(user.error().message));
    page.status = user ? http::status::unauthorized : http::status::service_unavailable;
    co_return page;
  }
  // VS Code takes the first Set-Cookie for the one that lets it in.
  auto response = redirect_response(next);
  response.headers.set(http::field::set_cookie, authenticator_.make_cookie(request, **user));
  co_return response;
}

Task<Result<HttpResponse>> LoginHandlers::log_out(HttpRequest request) {
  authenticator_.end_cookie(request);
  auto response = redirect_response(base_url_ + "login");
  response.headers.set(http::field::set_cookie, authenticator_.clear_cookie(request));
  co_return response;
}

}  // namespace nextgen_kernels
