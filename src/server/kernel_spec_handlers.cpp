#include "server/kernel_spec_handlers.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <sys/stat.h>

#include "base/strings.h"
#include "kernelspecs/kernel_advice.h"
#include "kernelspecs/kernel_spec_models.h"
#include "kernelspecs/kernel_spec_resources.h"
#include "server/http_cache.h"
#include "server/user.h"

namespace nextgen_kernels {
namespace {

constexpr std::uintmax_t largest_resource = 16 * 1024 * 1024;

std::string_view content_type_of(const std::filesystem::path& file) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 10> types = {{
      {".png", "image/png"},
      {".svg", "image/svg+xml"},
      {".gif", "image/gif"},
      {".ico", "image/x-icon"},
      {".jpg", "image/jpeg"},
      {".jpeg", "image/jpeg"},
      {".js", "text/javascript"},
      {".css", "text/css"},
      {".json", "application/json"},
      {".txt", "text/plain; charset=utf-8"},
  }};
  const auto extension = to_lower(file.extension().string());
  const auto type = std::ranges::find(types, extension, [](const auto& pair) { return pair.first; });
  return type == types.end() ? "application/octet-stream" : type->second;
}

Result<HttpResponse> read_resource(const std::filesystem::path& file) {
  struct stat status{};
  if (::stat(file.c_str(), &status) != 0) return make_errno_error("read", file.filename().string(), errno);
  if (static_cast<std::uintmax_t>(status.st_size) > largest_resource) {
    return make_error(ErrorCode::resource_limit, "{} is larger than the {} MiB that are served",
                      file.filename().string(), largest_resource >> 20);
  }
  std::ifstream stream(file, std::ios::binary);
  HttpResponse response;
  response.body.assign(std::istreambuf_iterator<char>(stream), {});
  if (!stream.good() && !stream.eof()) return make_errno_error("read", file.filename().string(), EIO);
  response.headers.set(http::field::content_type, content_type_of(file));
  response.headers.set(http::field::last_modified, format_http_date(status.st_mtime));
  response.headers.set(http::field::etag, make_entity_tag(response.body));
  if (file.extension() == ".png") response.headers.set(http::field::cache_control, "max-age=2592000");
  return response;
}

}  // namespace

void KernelSpecHandlers::add_routes(Router& router) {
  using enum http::verb;
  router.add(get, "/api/kernelspecs", [this](HttpRequest request) { return list(std::move(request)); });
  router.add(get, "/api/kernelspecs/{name}",
             [this](HttpRequest request) { return this->get(std::move(request)); });
  router.add(get, "/kernelspecs/{name}/{file...}",
             [this](HttpRequest request) { return get_resource(std::move(request)); });
}

Task<Result<HttpResponse>> KernelSpecHandlers::list(HttpRequest request) {
  auto entries = specs_.known_entries();
  if (entries == nullptr) {
    using Listed = std::shared_ptr<const KernelSpecManager::Entries>;
    auto listed = co_await pool_.run_for(request.user->username, [&specs = specs_]() -> Result<Listed> {
      return std::make_shared<const KernelSpecManager::Entries>(specs.list());
    });
    if (!listed) co_return std::unexpected(listed.error());
    entries = *std::move(listed);
  }
  auto response = json_response(
      http::status::ok,
      kernel_specs_model(*entries, choose_default_kernel(*entries, default_kernel_name_), base_url_));
  response.headers.set(http::field::etag, make_entity_tag(response.body));
  co_return revalidate(request, std::move(response));
}

Task<Result<KernelSpec>> KernelSpecHandlers::find_spec(std::string username, std::string name) {
  co_return co_await pool_.run_for(
      std::move(username), [&specs = specs_, name = std::move(name)] { return specs.get_kernel_spec(name); });
}

Task<Result<HttpResponse>> KernelSpecHandlers::get(HttpRequest request) {
  const auto spec = co_await find_spec(request.user->username, request.parameter("name"));
  if (!spec) co_return std::unexpected(spec.error());
  co_return json_response(http::status::ok, kernel_spec_model(*spec, base_url_));
}

Task<Result<HttpResponse>> KernelSpecHandlers::get_resource(HttpRequest request) {
  const auto spec = co_await find_spec(request.user->username, request.parameter("name"));
  if (!spec) co_return std::unexpected(spec.error());
  auto response = co_await pool_.run_for(
      request.user->username, [spec = *spec, file = request.parameter("file")]() -> Result<HttpResponse> {
        const auto path = find_kernel_spec_resource(spec, file);
        if (!path) return std::unexpected(path.error());
        return read_resource(*path);
      });
  if (!response) co_return std::unexpected(response.error());
  co_return revalidate(request, std::move(*response));
}

}  // namespace nextgen_kernels
