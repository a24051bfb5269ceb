#include "server/refusal_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../registry/log_capture.h"

namespace nextgen_kernels {
namespace {

using testing::HasSubstr;
using testing::Not;

int count(const std::string& text, const std::string& word) {
  int found = 0;
  for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++found;
  return found;
}

TEST(RefusalLog, does_not_grow_as_fast_as_strangers_ask) {
  const LogCapture log;
  RefusalLog refusals;
  HttpRequest request;
  request.method_name = "GET";
  request.path = "/" + std::string(30'000, 'a') + "/end";
  const auto now = RefusalLog::Clock::now();
  for (int i = 0; i < 1000; ++i) refusals.note(request, std::string(30'000, 'b') + "\nend", now);
  EXPECT_EQ(count(log.text(), "GET /aaa"), 60);
  EXPECT_THAT(log.text(), Not(HasSubstr("end")));
  refusals.note(request, "again", now + std::chrono::minutes(1));
  EXPECT_EQ(count(log.text(), "GET /aaa"), 61);
  EXPECT_THAT(log.text(), HasSubstr("940 more requests were refused and are not shown"));
}

}  // namespace
}  // namespace nextgen_kernels
