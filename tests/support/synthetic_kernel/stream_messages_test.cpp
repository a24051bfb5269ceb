#include "synthetic_kernel/stream_messages.h"

#include <set>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace nextgen_kernels::synthetic {
namespace {

using nlohmann::json;

TEST(stream_messages, are_numbered_json_of_the_asked_size) {
  StreamMessages messages("session", "{}", 100);
  for (std::uint64_t i = 0; i < 12; ++i) {
    const auto& parts = messages.next();
    EXPECT_EQ(json::parse(parts.content)["text"].get<std::string>().size(), 100U);
    EXPECT_EQ(sequence_number(parts.content), i);
  }
}

TEST(stream_messages, have_message_ids_of_their_own) {
  StreamMessages messages("session", "{}", 10);
  std::set<std::string> ids;
  for (int i = 0; i < 100; ++i) ids.insert(json::parse(messages.next().header)["msg_id"].get<std::string>());
  EXPECT_EQ(ids.size(), 100U);
}

TEST(stream_messages, other_contents_have_no_number) {
  EXPECT_FALSE(sequence_number(""));
  EXPECT_FALSE(sequence_number(R"({"execution_state": "idle"})"));
  EXPECT_FALSE(sequence_number(R"({"name": "stdout", "text": "12")"));
  EXPECT_FALSE(sequence_number(R"({"name": "stdout", "text": "hello, you"})"));
}

}  // namespace
}  // namespace nextgen_kernels::synthetic
