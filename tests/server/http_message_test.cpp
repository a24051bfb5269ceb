#include "server/http_message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/http_cache.h"
#include "server/json_fields.h"
#include "server/websocket_handshake.h"

namespace nextgen_kernels {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

HttpRequest parse(std::string_view target) {
  HttpRequest request;
  const auto parsed = parse_target(target, request);
  EXPECT_TRUE(parsed) << parsed.error().message;
  return request;
}

bool is_refused(std::string_view target) {
  HttpRequest request;
  return !parse_target(target, request);
}

TEST(ParseTarget, splits_and_decodes_path_and_query) {
  const auto request = parse("/api/a%20b/c%2Fd?token=x%3Dy&flag&q=a+b&1700000000");
  EXPECT_THAT(request.segments, ElementsAre("api", "a b", "c/d"));
  EXPECT_THAT(request.query,
              ElementsAre(Pair("token", "x=y"), Pair("flag", ""), Pair("q", "a b"), Pair("1700000000", "")));
  EXPECT_EQ(request.path, "/api/a%20b/c%2Fd");
}

TEST(ParseTarget, takes_what_proxies_send) {
  EXPECT_THAT(parse("http://host:8888/api/kernels?x=1").segments, ElementsAre("api", "kernels"));
  EXPECT_TRUE(parse("http://host:8888").segments.empty());
  EXPECT_TRUE(parse("/").segments.empty());
}

TEST(ParseTarget, keeps_broken_escapes_of_a_query) {
  EXPECT_THAT(parse("/?a=%zz").query, ElementsAre(Pair("a", "%zz")));
}

TEST(ParseTarget, refuses_what_is_no_path) {
  EXPECT_TRUE(is_refused(""));
  EXPECT_TRUE(is_refused("api"));
  EXPECT_TRUE(is_refused("*"));
  EXPECT_TRUE(is_refused("/%"));
  EXPECT_TRUE(is_refused("/%4"));
  EXPECT_TRUE(is_refused("/%zz"));
  EXPECT_TRUE(is_refused("/a%00b"));
}

TEST(HttpRequest, finds_elements_of_comma_separated_headers) {
  HttpRequest request;
  request.headers.insert("Connection", "keep-alive, Upgrade");
  request.headers.insert("Connection", "other");
  EXPECT_TRUE(request.header_lists("connection", "upgrade"));
  EXPECT_TRUE(request.header_lists("Connection", "OTHER"));
  EXPECT_FALSE(request.header_lists("Connection", "keep"));
}

TEST(ErrorResponse, has_what_every_client_reads) {
  const auto response = error_response(Error{ErrorCode::not_found, "Kernel does not exist: x"});
  EXPECT_EQ(response.status, http::status::not_found);
  EXPECT_EQ(
      nlohmann::json::parse(response.body),
      nlohmann::json({{"message", "Kernel does not exist: x"}, {"reason", "Not Found"}, {"traceback", ""}}));
}

TEST(JsonResponse, replaces_what_is_not_utf8) {
  EXPECT_EQ(json_response(http::status::ok, {{"name", "a\xff"}}).body, "{\"name\":\"a\xEF\xBF\xBD\"}");
}

TEST(JsonBody, of_no_bytes_or_null_is_nothing) {
  HttpRequest request;
  for (const auto* body : {"", " \n", "null"}) {
    request.body = body;
    const auto parsed = parse_json_body(request);
    ASSERT_TRUE(parsed);
    EXPECT_FALSE(*parsed);
  }
}

TEST(JsonBody, says_what_is_wrong_with_it) {
  HttpRequest request;
  request.body = "{\"name\": ";
  EXPECT_EQ(parse_json_body(request).error().message, "Invalid JSON in body of request");
  request.body = "{\"name\": \"\xff\"}";
  EXPECT_EQ(parse_json_body(request).error().message, "Invalid JSON in body of request");
  request.body = "[]";
  EXPECT_THAT(parse_json_body(request).error().message, HasSubstr("must be an object, not array"));
}

TEST(JsonBody, is_refused_when_it_is_nested_so_deep_that_copying_it_would_exhaust_the_stack) {
  HttpRequest request;
  request.body = std::string(500'000, '[');
  EXPECT_FALSE(parse_json_body(request));
  request.body = "{\"a\":" + std::string(200'000, '[') + std::string(200'000, ']') + "}";
  EXPECT_THAT(parse_json_body(request).error().message, HasSubstr("nested too deep"));
  request.body = "{\"a\":" + std::string(60, '[') + std::string(60, ']') + "}";
  EXPECT_TRUE(parse_json_body(request));
}

HttpResponse tagged_response() {
  HttpResponse response;
  response.body = "body";
  response.headers.set(http::field::etag, "\"tag\"");
  response.headers.set(http::field::last_modified, "Thu, 01 Jan 1970 00:00:00 GMT");
  return response;
}

http::status revalidated(std::string_view header, std::string_view value) {
  HttpRequest request;
  request.headers.set(header, value);
  return revalidate(request, tagged_response()).status;
}

TEST(Revalidate, saves_the_body_of_what_the_client_has) {
  EXPECT_EQ(revalidated("If-None-Match", "\"other\", W/\"tag\""), http::status::not_modified);
  EXPECT_EQ(revalidated("If-None-Match", "*"), http::status::not_modified);
  EXPECT_EQ(revalidated("If-None-Match", "\"other\""), http::status::ok);
  EXPECT_EQ(revalidated("If-Modified-Since", "Thu, 01 Jan 1970 00:00:00 GMT"), http::status::not_modified);
  EXPECT_EQ(revalidated("If-Modified-Since", "Fri, 02 Jan 1970 00:00:00 GMT"), http::status::ok);
  EXPECT_EQ(revalidated("Accept", "x"), http::status::ok);
}

HttpRequest websocket_request() {
  HttpRequest request;
  request.headers.set(http::field::upgrade, "websocket");
  request.headers.set(http::field::connection, "keep-alive, Upgrade");
  request.headers.set(http::field::sec_websocket_version, "13");
  request.headers.set(http::field::sec_websocket_key, "dGhlIHNhbXBsZSBub25jZQ==");
  return request;
}

TEST(WebSocketHandshake, computes_the_accept_key_of_rfc_6455) {
  const auto response = accept_websocket(websocket_request());
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, http::status::switching_protocols);
  EXPECT_EQ(response->headers[http::field::sec_websocket_accept], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(WebSocketHandshake, refuses_what_is_not_one) {
  auto request = websocket_request();
  request.version = 10;
  EXPECT_EQ(accept_websocket(request).error().status, http::status::bad_request);
  for (const auto field : {http::field::upgrade, http::field::connection, http::field::sec_websocket_key}) {
    request = websocket_request();
    request.headers.erase(field);
    EXPECT_EQ(accept_websocket(request).error().status, http::status::bad_request);
  }
  for (const auto* key :
       {"", "short", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25j?Q==", "dGhlIHNhbXBsZSBub25jZQ==="}) {
    request = websocket_request();
    request.headers.set(http::field::sec_websocket_key, key);
    EXPECT_EQ(accept_websocket(request).error().status, http::status::bad_request) << key;
  }
}

TEST(WebSocketHandshake, names_its_version_to_clients_of_another) {
  for (const auto* version : {"8", "12", "130", ""}) {
    auto request = websocket_request();
    request.headers.set(http::field::sec_websocket_version, version);
    const auto response = accept_websocket(request);
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().status, http::status::upgrade_required);
    EXPECT_EQ(response.error().headers[http::field::sec_websocket_version], "13");
  }
}

}  // namespace
}  // namespace nextgen_kernels
