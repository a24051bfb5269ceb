#include "server/router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nextgen_kernels {
namespace {

using testing::ElementsAre;
using testing::Pair;

Router make_router() {
  Router router;
  const HttpHandler handler = [](HttpRequest) -> Task<Result<HttpResponse>> { co_return HttpResponse{}; };
  router.add(http::verb::get, "/", handler);
  router.add(http::verb::get, "/api/kernels", handler);
  router.add(http::verb::post, "/api/kernels", handler);
  router.add(http::verb::delete_, "/api/kernels/{id}", handler);
  router.add(http::verb::get, "/kernelspecs/{name}/{file...}", handler);
  return router;
}

using Segments = std::vector<std::string>;

bool is_found(http::verb method, const Segments& segments) {
  const auto router = make_router();
  return std::holds_alternative<Router::Match>(router.find(method, segments));
}

TEST(Router, finds_by_method_and_path) {
  EXPECT_TRUE(is_found(http::verb::get, {}));
  EXPECT_TRUE(is_found(http::verb::get, {"api", "kernels"}));
  EXPECT_TRUE(is_found(http::verb::post, {"api", "kernels"}));
  EXPECT_FALSE(is_found(http::verb::get, {"api"}));
  EXPECT_FALSE(is_found(http::verb::get, {"api", "kernels", ""}));
  EXPECT_FALSE(is_found(http::verb::get, {"", "api", "kernels"}));
  EXPECT_FALSE(is_found(http::verb::delete_, {"api", "kernels", ""}));
}

TEST(Router, answers_head_where_there_is_get) {
  EXPECT_TRUE(is_found(http::verb::head, {"api", "kernels"}));
  EXPECT_FALSE(is_found(http::verb::head, {"api", "kernels", "1"}));
}

TEST(Router, gives_the_pieces_that_matched) {
  const auto router = make_router();
  const auto one = router.find(http::verb::delete_, {"api", "kernels", "a/b"});
  EXPECT_THAT(std::get<Router::Match>(one).parameters, ElementsAre(Pair("id", "a/b")));
  const auto rest = router.find(http::verb::get, {"kernelspecs", "python3", "a", "..", "b.png"});
  EXPECT_THAT(std::get<Router::Match>(rest).parameters,
              ElementsAre(Pair("file", "a/../b.png"), Pair("name", "python3")));
  EXPECT_FALSE(is_found(http::verb::get, {"kernelspecs", "python3"}));
}

TEST(Router, says_which_methods_a_path_has) {
  const auto router = make_router();
  const auto outcome = router.find(http::verb::put, {"api", "kernels"});
  EXPECT_EQ(std::get<Router::MethodNotAllowed>(outcome).allow, "GET, HEAD, POST, OPTIONS");
}

}  // namespace
}  // namespace nextgen_kernels
