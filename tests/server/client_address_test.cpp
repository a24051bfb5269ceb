#include "server/client_address.h"

#include <gtest/gtest.h>

namespace nextgen_kernels {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

ForwardedClient read(const Headers& headers) {
  HttpRequest request;
  for (const auto& [name, value] : headers) request.headers.insert(name, value);
  return read_forwarded_headers(request);
}

TEST(ForwardedHeaders, name_the_client_as_the_nearest_proxy_sees_it) {
  for (const auto& headers : {
           Headers{{"X-Forwarded-For", "203.0.113.7"}},
           Headers{{"X-Forwarded-For", "198.51.100.1, 203.0.113.7"}},
           Headers{{"X-Forwarded-For", "198.51.100.1"}, {"X-Forwarded-For", " 198.51.100.2 ,203.0.113.7 "}},
           Headers{{"X-Forwarded-For", "198.51.100.1"}, {"X-Real-Ip", "203.0.113.7"}},
           Headers{{"X-Real-Ip", "::ffff:203.0.113.7"}},
       })
    EXPECT_EQ(read(headers).client, "203.0.113.7");
  EXPECT_EQ(read({{"X-Real-Ip", "2001:db8:1:2:3:4:5:6"}}).client, "2001:db8:1:2::/64");
}

TEST(ForwardedHeaders, say_whether_the_client_speaks_tls) {
  EXPECT_EQ(read({{"X-Forwarded-Proto", "https"}}).is_https, true);
  EXPECT_EQ(read({{"X-Forwarded-Proto", "https"}, {"X-Scheme", "http"}}).is_https, false);
  EXPECT_EQ(read({{"X-Forwarded-Proto", "http, HTTPS"}}).is_https, true);
  EXPECT_EQ(read({{"X-Forwarded-Proto", "https"}, {"X-Forwarded-Proto", "http"}}).is_https, false);
}

TEST(ForwardedHeaders, that_make_no_sense_say_nothing) {
  for (const auto& headers :
       {Headers{}, Headers{{"X-Forwarded-For", ""}}, Headers{{"X-Forwarded-For", "unknown"}},
        Headers{{"X-Forwarded-For", "203.0.113.7,"}}, Headers{{"X-Real-Ip", "203.0.113"}},
        Headers{{"X-Forwarded-For", "203.0.113.7"}, {"X-Real-Ip", "me"}}, Headers{{"X-Scheme", "ftp"}},
        Headers{{"X-Forwarded-Proto", ""}}}) {
    EXPECT_EQ(read(headers).client, std::nullopt);
    EXPECT_EQ(read(headers).is_https, std::nullopt);
  }
}

}  // namespace
}  // namespace nextgen_kernels
