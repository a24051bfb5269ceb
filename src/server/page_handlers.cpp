#include "server/page_handlers.h"

#include "server/http_cache.h"
#include "server/web_assets.h"

namespace nextgen_kernels {
namespace {

// Nothing but what this server sends; nothing inline.
constexpr std::string_view page_content_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri "
    "'none'; "
    "form-action 'none'; frame-ancestors 'self'";

HttpResponse serve_asset(const WebAsset& asset) {
  HttpResponse response;
  response.headers.set(http::field::content_type, asset.content_type);
  response.headers.set("Content-Security-Policy", page_content_policy);
  // The page's address may hold the token.
  response.headers.set("Referrer-Policy", "no-referrer");
  response.headers.set(http::field::cache_control, "no-cache");
  response.headers.set(http::field::etag, make_entity_tag(asset.content));
  response.body = asset.content;
  return response;
}

}  // namespace

void PageHandlers::add_routes(Router& router) {
  // /tree and /lab are where people and editors look for a Jupyter server.
  for (const auto* path : {"/", "/tree", "/lab"})
    router.add(http::verb::get, path, [this](HttpRequest request) { return get_page(std::move(request)); });
  // As upstream: `jupyter server stop` posts here when it has reached a server by its Unix-domain socket.
  router.add(http::verb::post, "/", [this](HttpRequest request) { return get_page(std::move(request)); });
  router.add(http::verb::get, "/static/{file}",
             [this](HttpRequest request) { return get_file(std::move(request)); });
}

Task<Result<HttpResponse>> PageHandlers::get_page(HttpRequest request) {
  auto response = revalidate(request, serve_asset(*find_web_asset("index.html")));
  if (request.credential == Credential::token)
    response.headers.insert(http::field::set_cookie, authenticator_.make_cookie(request, *request.user));
  if (const auto xsrf = authenticator_.xsrf_token(request); request.cookie("_xsrf") != xsrf)
    response.headers.insert(http::field::set_cookie, authenticator_.make_xsrf_cookie(request, xsrf));
  co_return response;
}

Task<Result<HttpResponse>> PageHandlers::get_file(HttpRequest request) {
  const auto* asset = find_web_asset(request.parameter("file"));
  if (asset == nullptr)
    co_return make_error(ErrorCode::not_found, "No such file: {}", request.parameter("file"));
  co_return revalidate(request, serve_asset(*asset));
}

}  // namespace nextgen_kernels
